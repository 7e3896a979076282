"""The live scores as Prometheus metrics: what a scrape finds is the newest snapshot, so old releases go by themselves.

Each figure has its label count beside it: over 200 labels macro-F1 has a standard deviation of .05. The figures that
stand for all reports have their interval beside them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trainer.judging.estimate import Estimate
from trainer.judging.scores import Scores, scores
from trainer.live.scores import Cell, Joined, LiveScores
from trainer.live.windows import EstimateCell, Widths, Window, WindowCell, estimates, together, windows

_CELL: Final = ("release", "basis", "view")
_WINDOW: Final = (*_CELL, "window")
_ESTIMATE: Final = ("release", "view", "window")

Values = Iterable[tuple[Sequence[str], float]]

_SCORES: Final[Sequence[tuple[str, str, tuple[str, ...], Callable[[Scores], Values]]]] = (
    (
        "severity_live_labels",
        "Labelled reports that the figures of the same labels stand on.",
        (),
        lambda one: [((), one.labels)],
    ),
    (
        "severity_live_accuracy_ratio",
        "Share of labelled reports whose level was right, by their newest outcome.",
        (),
        lambda one: [((), one.accuracy)],
    ),
    (
        "severity_live_f1_ratio",
        "F1 over the levels that occur: macro (each level counts the same) and weighted (by its labels).",
        ("average",),
        lambda one: [(("macro",), one.macro_f1), (("weighted",), one.weighted_f1)],
    ),
    (
        "severity_live_level_f1_ratio",
        "F1 of one level.",
        ("level",),
        lambda one: [((str(level),), value) for level, value in enumerate(one.level_f1, start=1)],
    ),
    (
        "severity_live_level_labels",
        "Labelled reports of one true level.",
        ("level",),
        lambda one: [((str(level),), value) for level, value in enumerate(one.level_labels, start=1)],
    ),
)
"""Figures of labelled reports alone: name, sentence, further labels, values."""

_ESTIMATES: Final[Sequence[tuple[str, str, tuple[str, ...], Callable[[Estimate], Values]]]] = (
    (
        "severity_live_all_reports",
        "Decided reports that the estimates of the same labels speak of, labelled or not.",
        (),
        lambda one: [((), one.reports)],
    ),
    (
        "severity_live_all_labels",
        "Of those, the reports known by their case's own course (case), and those drawn and graded by a person, which"
        " stand for all others (graded).",
        ("known_by",),
        lambda one: [(("case",), one.known), (("graded",), one.graded)],
    ),
    (
        "severity_live_all_accuracy_ratio",
        "Estimated share of all reports whose level is right (difference estimator over audit and model).",
        (),
        lambda one: [((), one.accuracy.value)],
    ),
    (
        "severity_live_all_accuracy_lower_ratio",
        "Lower end of its interval of 95 %.",
        (),
        lambda one: [((), one.accuracy.lower)],
    ),
    (
        "severity_live_all_accuracy_upper_ratio",
        "Upper end of its interval of 95 %.",
        (),
        lambda one: [((), one.accuracy.upper)],
    ),
    (
        "severity_live_all_macro_f1_ratio",
        "Estimated macro-F1 over all reports (difference estimator over audit and model).",
        (),
        lambda one: [((), one.macro_f1.value)],
    ),
    (
        "severity_live_all_macro_f1_lower_ratio",
        "Lower end of its interval of 95 %.",
        (),
        lambda one: [((), one.macro_f1.lower)],
    ),
    (
        "severity_live_all_macro_f1_upper_ratio",
        "Upper end of its interval of 95 %.",
        (),
        lambda one: [((), one.macro_f1.upper)],
    ),
)
"""Figures that stand for all reports, with their intervals."""


class LiveMetrics(Collector):
    """Confusion counters, and gauges by release, basis, view (published or the model's own) and window.

    Sums over releases or bases carry `any`: outcomes of any basis are no fair sample of all reports; what stands for
    all of them is in `severity_live_all_*`.
    """

    def __init__(self, widths: Widths | None = None) -> None:
        self._widths = widths or Widths()
        self._counted: Counter[tuple[Cell, int, int]] = Counter()
        self._figures: Mapping[WindowCell, Scores] = {}
        self._estimates: Mapping[EstimateCell, Estimate] = {}
        self._newest = np.nan

    def count(self, joined: Joined) -> None:
        """A report was counted for the first time."""
        self._counted[joined.cell, joined.true, joined.decided] += 1

    def show(self, live: LiveScores, now: float) -> None:
        """Let the next scrape find what `live` holds `now`, in seconds since 1970.

        Counters of releases that are not remembered any more are dropped. Takes some tenths of a second when 200,000
        reports are remembered.
        """
        matrices, cases = live.matrices(), live.cases()
        all_of_it = together(matrices) | windows(cases, self._widths, now)
        self._figures = {cell: scores(matrix) for cell, matrix in all_of_it.items()}
        self._estimates = estimates(cases, self._widths, now)
        labelled = cases["labelled_at"][cases["sequence"] > 0]
        self._newest = float(labelled.max()) if len(labelled) else np.nan
        releases = {cell.release for cell in matrices}
        self._counted = Counter({key: n for key, n in self._counted.items() if key[0].release in releases})

    def collect(self) -> Iterator[Metric]:
        """The metric families of the last snapshot."""
        counted, figures, estimated = self._counted.copy(), self._figures, self._estimates
        confusion = CounterMetricFamily(
            "severity_live_confusion",
            "Reports by true level and decided level, each counted once, when its first outcome came.",
            labels=(*_CELL, "true_level", "decided_level"),
        )
        for (cell, true, decided), n in counted.items():
            confusion.add_metric((str(cell.release), cell.basis, cell.view, str(true), str(decided)), n)
        yield confusion
        for name, sentence, more, values in _SCORES:
            family = GaugeMetricFamily(name, sentence, labels=(*_WINDOW, *more))
            for window, figure in figures.items():
                for labels, value in values(figure):
                    family.add_metric((*window, *labels), value)
            yield family
        for name, sentence, more, estimates_of in _ESTIMATES:
            family = GaugeMetricFamily(name, sentence, labels=(*_ESTIMATE, *more))
            for place, one in estimated.items():
                for labels, value in estimates_of(one):
                    family.add_metric((*place, *labels), value)
            yield family
        yield self._width()
        newest = GaugeMetricFamily(
            "severity_live_newest_label_timestamp_seconds",
            "When the newest outcome of a decided report came to be; not a number before the first.",
        )
        newest.add_metric((), self._newest)
        yield newest

    def _width(self) -> Metric:
        family = GaugeMetricFamily(
            "severity_live_window_width",
            "How wide the windows are: count in labels (estimates: in reports), time in days.",
            labels=("window", "unit"),
        )
        for window, unit, width in (
            (Window.COUNT, "labels", self._widths.labels),
            (Window.COUNT, "reports", self._widths.reports),
            (Window.TIME, "days", self._widths.days),
        ):
            family.add_metric((window, unit), width)
        return family
