"""What the benches make of their measurements."""

import pytest

from bench import latency, report, throughput
from bench.report import Demand
from bench.throughput_report import ordered


def turn(p50: float, p99: float) -> dict[str, float]:
    return {"p50_ms": p50, "p95_ms": p99, "p99_ms": p99, "max_ms": p99}


def test_a_demand_on_a_figure_that_is_not_a_number_is_not_met() -> None:
    assert Demand("", 1.0, most=1.0).met
    assert Demand("", 1.0, least=1.0).met
    assert not Demand("", 1.1, most=1.0).met
    assert not Demand("", 0.9, least=1.0).met
    assert not Demand("", float("nan"), most=1.0).met
    assert not Demand("", float("nan"), least=1.0).met


def test_the_median_is_taken_of_each_figure_by_itself() -> None:
    rounds = [turn(1.0, 30.0), turn(2.0, 10.0), turn(9.0, 20.0)]
    assert report.medians(rounds) == turn(2.0, 20.0)


def test_every_variant_has_its_turn_in_every_round_and_rounds_begin_differently() -> None:
    plan = latency.rounds_of([100.0, 1000.0], 5)
    assert [(rate, number) for rate, number, _ in plan] == [(r, n) for r in (100.0, 1000.0) for n in range(6)]
    assert all(sorted(order) == sorted(latency.VARIANTS) for _, _, order in plan)
    assert {order[0] for rate, number, order in plan if rate == 100.0 and number} == set(latency.VARIANTS)


def test_the_scorer_is_held_against_passing_on_in_the_same_run() -> None:
    figures = {variant: turn(4.0, 10.0) for variant in latency.VARIANTS} | {"scored_eos": turn(5.6, 12.9)}
    added, ratio, p50, p99 = latency.demands({"100": figures})
    assert (round(added.value, 9), added.met) == (1.6, False)
    assert (round(ratio.value, 9), ratio.met) == (1.29, True)
    assert (p50.met, p99.met) == (False, False)
    assert len(latency.demands({"250": figures})) == 2  # no absolute figures are demanded at other rates


def test_the_stages_add_up_to_the_time_of_a_report() -> None:
    processor = {
        'severity_stage_seconds_total{stage="decode"}': 0.1,
        'severity_stage_seconds_total{stage="forest"}': 0.3,
        'severity_stage_seconds_created{stage="forest"}': 1.7e9,
        "severity_reports_in_total": 10_000.0,
    }
    event = {"records": 10_000, "wall": 1.0, "consume": 0.05, "produce": 0.1, "commit": 0.2}
    stages = throughput.stages_of(processor, event)
    assert stages["validate"] == pytest.approx(10.0)
    assert stages["forest"] == pytest.approx(30.0)
    assert stages["other"] == pytest.approx(25.0)
    assert sum(stages.values()) == pytest.approx(100.0)
    assert ordered(list(stages)) == ["consume", "validate", "forest", "produce", "commit", "other"]
    assert ordered(["encode", "recall", "validate"]) == ["validate", "recall", "encode"]


def test_the_number_of_workers_is_in_the_variants_name() -> None:
    assert [throughput.workers_of(variant) for variant in ("scored_eos", "scored_eos_2", "stages")] == [1, 2, 1]
