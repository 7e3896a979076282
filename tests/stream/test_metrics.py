from collections import Counter
from datetime import timedelta

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream.champion import Champion
from stream.metrics import DEAD_LETTER_REASONS, BatchHistogram, ScorerMetrics
from stream.tally import Tally
from stream.watch import Watch
from tests.stream.standin import NOW, Marked, ledger
from transport.records import Batch, DeadLetter, Outgoing, Record


def values(registry: CollectorRegistry) -> dict[str, float]:
    """Sample with its labels' values, in order of their names → value, as a scrape sees them."""
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_a_histogram_counts_a_batch_as_prometheus_would() -> None:
    registry = CollectorRegistry()
    histogram = BatchHistogram("h", "A histogram.", (1.0, 2.0, 4.0))
    registry.register(histogram)
    histogram.observe(np.array([0.5, 1.0, 1.5, 4.0, 9.0]))
    histogram.observe(np.array([]))
    seen = values(registry)
    assert [seen[f"h_bucket|{bound}"] for bound in ("1.0", "2.0", "4.0", "+Inf")] == [2, 3, 4, 5]
    assert (seen["h_count"], seen["h_sum"]) == (5, 16)


def test_every_metric_has_a_sentence_and_the_prefix() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    metrics.look_up(model_age=float, model_expires=float, degraded=float, oldest_unscored=float)
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        assert family.name.startswith(("severity_", "process_"))
        assert family.documentation.endswith(".")


def test_a_committed_batch_is_counted_with_its_latency() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    watch = Watch(metrics, ledger(), lambda: 1000.0, lambda: None, lambda: None)
    records = [Record("crime-reports", 0, offset, None, b"", (), moment) for offset, moment in ((0, 999_000), (1, -1))]
    watch.began(records)
    assert watch.oldest_unscored_seconds() == 1.0
    watch.processed(Tally(2, Counter({(3, "model"): 1, (None, "fallback"): 1}), 0, 1, 4, {"decode": 0.5}))
    outputs = [Outgoing("priorities", b"lapd/1", b"{}"), Outgoing("priorities", b"lapd/2", b"{}")]
    watch.committed(records, Batch(outputs, [DeadLetter(records[1], "not-json", "")]), 0.1)
    seen = values(registry)
    assert seen["severity_end_to_end_seconds_count"] == 1
    assert seen["severity_end_to_end_seconds_sum"] == 1.0
    assert seen["severity_reports_in_total"] == 2
    assert seen["severity_priorities_out_total|model|3"] == 1
    assert seen["severity_priorities_out_total|fallback|none"] == 1
    assert seen["severity_dead_letters_total|not-json"] == 1
    assert seen["severity_unknown_fields_total"] == 4
    assert seen["severity_stage_seconds_total|decode"] == 0.5
    assert watch.oldest_unscored_seconds() == 0.0


def test_the_first_dead_letter_of_a_reason_is_an_increase_to_prometheus() -> None:
    registry = CollectorRegistry()
    ScorerMetrics(registry)
    assert {values(registry)[f"severity_dead_letters_total|{reason}"] for reason in DEAD_LETTER_REASONS} == {0}


def test_a_refused_release_is_shown_until_one_is_loaded() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    shown = []
    for result in ("loaded", "bad-signature", "loaded"):
        metrics.announced(result)
        shown.append(values(registry)["severity_release_refused"])
    assert shown == [0, 1, 0]
    assert values(registry)["severity_model_reloads_total|bad-signature"] == 1


def test_only_the_release_in_use_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    metrics.serving(Marked(1).model)
    metrics.serving(Marked(2).model)
    assert [name for name in values(registry) if name.startswith("severity_model_info")] == [
        f"severity_model_info|{2:064x}|severity|2"
    ]


def test_the_first_assignment_alone_makes_the_scorer_ready() -> None:
    ready: list[int] = []
    watch = Watch(ScorerMetrics(CollectorRegistry()), ledger(), lambda: 0.0, lambda: ready.append(1), lambda: None)
    watch.rebalanced("revoked", [])
    watch.rebalanced("assigned", [("crime-reports", 0)])
    watch.rebalanced("assigned", [])
    assert ready == [1]


def test_seconds_without_a_model_stop_counting_at_the_first_release() -> None:
    time = NOW
    champion = Champion(Marked(1), lambda: time, lambda: 100 + (time - NOW).total_seconds())
    assert np.isnan(champion.model_age_seconds())
    time += timedelta(seconds=5)
    assert champion.degraded_seconds() == 5
    champion.offer(Marked(2), NOW)
    time += timedelta(seconds=7)
    champion.offer(Marked(3), NOW)
    assert (champion.degraded_seconds(), champion.model_age_seconds()) == (5, 12)
