"""What the scorer tells Prometheus: every metric is declared once, here, with a sentence.

The hot path touches counters once a batch, never once a record.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from schemas.envelope import Refusal
from schemas.priority import ModelRef
from stream.doubts import AHEAD, NOT_ITS_DRILL
from stream.ledger import Turned
from stream.reading import FOREIGN_AGENCY
from stream.tally import Tally
from stream.work import UNSCORABLE
from transport.loop import HANDLER_ERROR

LATENCY_BUCKETS: Final = (
    *(0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0),
)
"""Upper bounds in seconds: fine around a quiet day's few milliseconds, wide enough for a backlog of an hour. Alerts ask
for the bound of 2."""

DEAD_LETTER_REASONS: Final = (*Refusal, FOREIGN_AGENCY, UNSCORABLE, HANDLER_ERROR)
"""Why a record may be set aside. Each counts from 0, so that the first letter is an increase to Prometheus too."""

LOADED: Final = "loaded"
"""What came of an announced release that scores; every other result is a refusal."""

BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds in records a batch."""


class BatchHistogram(Collector):
    """A histogram without labels that takes a whole batch of values at once (prometheus_client's takes one)."""

    def __init__(self, name: str, documentation: str, buckets: Iterable[float]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = np.array(tuple(buckets), dtype=np.float64)
        self._counts = np.zeros(len(self._bounds) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, values: npt.NDArray[np.float64]) -> None:
        """Count every value of `values` in its bucket; an upper bound belongs to its bucket, as in Prometheus."""
        places = np.searchsorted(self._bounds, values, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """The metric family, cumulative as the exposition format wants it."""
        cumulative = np.cumsum(self._counts)
        labels = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = [(label, float(count)) for label, count in zip(labels, cumulative, strict=True)]
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)


class Readings(Collector):
    """Values that are looked up when somebody scrapes, so that they are true at that moment."""

    def __init__(self) -> None:
        self._read: list[tuple[type[CounterMetricFamily | GaugeMetricFamily], str, str, Callable[[], float]]] = []

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """A value that goes up and down."""
        self._read.append((GaugeMetricFamily, name, documentation, read))

    def counter(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """A value that only rises; `name` without `_total`."""
        self._read.append((CounterMetricFamily, name, documentation, read))

    def collect(self) -> Iterator[Metric]:
        """Every reading now."""
        for family, name, documentation, read in self._read:
            yield family(name, documentation, value=read())


class ScorerMetrics:
    """The scorer's metrics in `registry`, and the process's; `look_up` adds what only the service knows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latency = BatchHistogram(
            "severity_end_to_end_seconds",
            "From the broker's timestamp of a report to the commit of its priority.",
            LATENCY_BUCKETS,
        )
        registry.register(self.latency)
        self._readings = Readings()
        registry.register(self._readings)
        ProcessCollector(registry=registry)
        self.batch_records = Histogram(
            "severity_batch_records", "Records in a batch.", buckets=BATCH_BUCKETS, registry=registry
        )
        self.records = Counter("severity_reports_in", "Records read from the reports' topics.", registry=registry)
        self.priorities = Counter(
            "severity_priorities_out",
            "Priorities published, by severity level (none: not scored) and by who decided.",
            ["level", "decided_by"],
            registry=registry,
        )
        self.drills = Counter(
            "severity_drills_out", "Priorities of exercises and tests, kept from responders.", registry=registry
        )
        self.human_triage = Counter(
            "severity_human_triage", "Priorities that ask for a person's look.", registry=registry
        )
        self.dead_letters = Counter(
            "severity_dead_letters", "Records set aside as dead letters, by reason.", ["reason"], registry=registry
        )
        for reason in DEAD_LETTER_REASONS:
            self.dead_letters.labels(reason)
        self.revisions_dropped = Counter(
            "severity_revisions_dropped",
            "Reports not published again: repeated, or superseded by a higher revision.",
            ["reason"],
            registry=registry,
        )
        self.revisions_published = Counter(
            "severity_revisions_published", "Priorities that replace one of a lower revision.", registry=registry
        )
        self.recall_incomplete = Counter(
            "severity_recall_incomplete",
            "Times that not all of what others had published could be read when partitions came.",
            registry=registry,
        )
        self.agency_marked = Gauge(
            "severity_agency_marked",
            "1 for an agency whose records turned bad: its readable reports go to a person unscored.",
            ["agency"],
            registry=registry,
        )
        self.agency_triage = Counter(
            "severity_agency_triage", "Readable reports of marked agencies that went to a person.", registry=registry
        )
        self.doubted = Counter(
            "severity_doubted_reports",
            "Readable reports that went to a person for what they say of themselves: drills of agencies that may hold"
            " none, times yet to come.",
            ["reason"],
            registry=registry,
        )
        for doubt in (NOT_ITS_DRILL, AHEAD):
            self.doubted.labels(doubt.code)
        self.unknown_fields = Counter(
            "severity_unknown_fields", "Fields of reports that the contract does not know.", registry=registry
        )
        self.model_failures = Counter(
            "severity_model_failures",
            "Reports that the model failed on: the rules answered.",
            registry=registry,
        )
        self.stage_seconds = Counter(
            "severity_stage_seconds", "Time spent in each stage of the processor.", ["stage"], registry=registry
        )
        self.reloads = Counter(
            "severity_model_reloads",
            "Announced releases, by what came of them: loaded, or the reason of the refusal.",
            ["result"],
            registry=registry,
        )
        self.refused = Gauge(
            "severity_release_refused",
            "1 while the release announced last was refused: what scored before scores on.",
            registry=registry,
        )
        self.aborted = Counter(
            "severity_aborts", "Batches that were not published and are read again.", ["reason"], registry=registry
        )
        self.reopened = Counter(
            "severity_reopened",
            "Times that Kafka clients were made anew, since with the old ones it could not go on.",
            ["reason"],
            registry=registry,
        )
        self.lag = Gauge("severity_lag_records", "Records that wait in this scorer's partitions.", registry=registry)
        self.clock_ahead = Gauge(
            "severity_clock_ahead_seconds",
            "This clock less the broker's, by a report that had just come: right to about a second.",
            registry=registry,
        )
        self.model_info = Gauge(
            "severity_model_info", "The release that scores now.", ["name", "release", "digest"], registry=registry
        )
        self.delivery_info = Gauge(
            "severity_delivery_info", "How priorities are delivered.", ["delivery"], registry=registry
        )

        # To look a label up anew for each batch takes longer than to count.
        self._priorities_of, self._seconds_of = cache(self.priorities.labels), cache(self.stage_seconds.labels)

    def look_up(
        self,
        *,
        model_age: Callable[[], float],
        model_expires: Callable[[], float],
        degraded: Callable[[], float],
        oldest_unscored: Callable[[], float],
    ) -> None:
        """Show also what is asked for at each scrape; all in seconds."""
        self._readings.gauge(
            "severity_model_age_seconds", "Since the model in use was made; NaN without one.", model_age
        )
        self._readings.gauge(
            "severity_model_expires_seconds",
            "Until the model in use is to be replaced; negative when it is too old, which stops nothing; NaN without"
            " one.",
            model_expires,
        )
        self._readings.counter("severity_degraded_seconds", "Time without a model, the rules answering.", degraded)
        self._readings.gauge(
            "severity_oldest_unscored_seconds",
            "Age of the oldest report in the batch in hand; 0 when there is none.",
            oldest_unscored,
        )

    def announced(self, result: str) -> None:
        """A release was announced, and is in use (`LOADED`) or refused for that reason."""
        self.reloads.labels(result).inc()
        self.refused.set(result != LOADED)

    def batch(self, tally: Tally) -> None:
        """Count what a processor says of a committed batch."""
        self.records.inc(tally.records)
        self.batch_records.observe(tally.records)
        for (level, decided_by), count in tally.priorities.items():
            self._priorities_of("none" if level is None else str(level), decided_by).inc(count)
        for stage, seconds in tally.stage_seconds.items():
            self._seconds_of(stage).inc(seconds)
        for reason, count in tally.dropped.items():
            self.revisions_dropped.labels(reason).inc(count)
        for counter, count in (
            (self.drills, tally.drills),
            (self.human_triage, tally.human_triage),
            (self.unknown_fields, tally.unknown_fields),
            (self.revisions_published, tally.replaced),
            (self.agency_triage, tally.not_trusted),
        ):
            if count:
                counter.inc(count)
        for doubt, count in tally.doubted.items():
            self.doubted.labels(doubt).inc(count)

    def turned(self, turned: Turned) -> None:
        """Show the agencies that are marked now, and those no more."""
        for agency in turned.bad:
            self.agency_marked.labels(agency).set(1)
        for agency in turned.good:
            self.agency_marked.remove(agency)

    def serving(self, model: ModelRef) -> None:
        """Show the release that scores from now on, alone."""
        self.model_info.clear()
        self.model_info.labels(model.name, str(model.release), model.digest).set(1)
