"""What there is to scrape: each metric of a registry with its kind, labels and sentence, before anything is counted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

SERIES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
"""What is put behind a metric's name, by kind; nothing where it is not here."""


@dataclass(frozen=True, slots=True)
class Described:
    """One metric. `name`: of a counter without `_total`; `labels`: by which its values differ, not `le`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    sentence: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may ask for."""
        return tuple(self.name + ending for ending in SERIES.get(self.kind, ("",)))


def described(registry: CollectorRegistry) -> Iterator[Described]:
    """Every metric of `registry`, in the order of registration. Of the process nothing is told where /proc is not."""
    # prometheus_client has no public way to list collectors, nor to ask a metric without values for its labels.
    collectors: Iterable[Collector] = list(registry._collector_to_names)
    for collector in collectors:
        if isinstance(collector, CollectorRegistry):
            yield from described(collector)
            continue
        for family in collector.collect():
            labels = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
            yield Described(family.name, family.type, tuple(labels), family.documentation)
