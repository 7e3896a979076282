"""The live scores as Prometheus metrics: what a scrape finds is the newest snapshot, so old releases go by themselves.

Each figure has its label count beside it: over 200 labels macro-F1 has a standard deviation of .05.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trainer.live import Cell, Confusion
from trainer.scores import Scores, scores

ANY: Final = "any"
"""Stands for outcomes of whatever basis; it is no fair sample of all reports, only audited outcomes are."""

_CELL: Final = ("release", "basis", "view")


class LiveMetrics(Collector):
    """Confusion counters, and gauges for accuracy and F1, by release, basis and view (published or the model's own)."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[Cell, int, int]] = Counter()
        self._figures: Mapping[tuple[str, ...], Scores] = {}

    def count(self, cell: Cell, true: int, decided: int) -> None:
        """A report was counted for the first time."""
        self._counted[cell, true, decided] += 1

    def show(self, matrices: Mapping[Cell, Confusion]) -> None:
        """Let the next scrape find these; counters of releases that are not among them are dropped."""
        together: dict[tuple[int, str], Confusion] = {}
        for cell, matrix in matrices.items():
            key = (cell.release, cell.view)
            together[key] = together[key] + matrix if key in together else matrix
        figures = {_labels(cell): scores(matrix) for cell, matrix in matrices.items()}
        figures |= {(str(release), ANY, view): scores(matrix) for (release, view), matrix in together.items()}
        self._figures = figures
        releases = {cell.release for cell in matrices}
        self._counted = Counter({key: n for key, n in self._counted.items() if key[0].release in releases})

    def collect(self) -> Iterator[Metric]:
        """The metric families of the last snapshot."""
        counted, figures = self._counted.copy(), self._figures
        confusion = CounterMetricFamily(
            "severity_live_confusion",
            "Reports by true level and decided level, each counted once, when its first outcome came.",
            labels=(*_CELL, "true_level", "decided_level"),
        )
        for (cell, true, decided), n in counted.items():
            confusion.add_metric((*_labels(cell), str(true), str(decided)), n)
        yield confusion
        yield _gauge(
            "severity_live_labels",
            "Labelled reports that the figures of the same labels stand on.",
            (),
            (((*cell,), one.labels) for cell, one in figures.items()),
        )
        yield _gauge(
            "severity_live_accuracy_ratio",
            "Share of labelled reports whose level was right, by their newest outcome.",
            (),
            (((*cell,), one.accuracy) for cell, one in figures.items()),
        )
        yield _gauge(
            "severity_live_f1_ratio",
            "F1 over the levels that occur: macro (each level counts the same) and weighted (by its labels).",
            ("average",),
            (
                ((*cell, average), value)
                for cell, one in figures.items()
                for average, value in (("macro", one.macro_f1), ("weighted", one.weighted_f1))
            ),
        )
        yield _gauge(
            "severity_live_level_f1_ratio",
            "F1 of one level.",
            ("level",),
            (
                ((*cell, str(level)), value)
                for cell, one in figures.items()
                for level, value in enumerate(one.level_f1, start=1)
            ),
        )
        yield _gauge(
            "severity_live_level_labels",
            "Labelled reports of one true level.",
            ("level",),
            (
                ((*cell, str(level)), value)
                for cell, one in figures.items()
                for level, value in enumerate(one.level_labels, start=1)
            ),
        )


def _labels(cell: Cell) -> tuple[str, ...]:
    return (str(cell.release), cell.basis, cell.view)


def _gauge(
    name: str, documentation: str, more: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=(*_CELL, *more))
    for labels, value in values:
        family.add_metric(labels, value)
    return family
