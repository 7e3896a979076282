"""A scorer without a process and without Kafka: loop, processor, watch and ledger on lists in memory."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.envelope import decode
from schemas.priority import Priority
from stream.ledger import Ledger
from stream.metrics import ScorerMetrics
from stream.processor import Processor
from stream.recall import TOPICS, found_in
from stream.tally import Tally
from stream.watch import Watch
from stream.work import Assess
from tests.stream.standin import BELIEVING, NOW, Marked, ledger
from transport.bounds import Bounds
from transport.loop import Loop
from transport.memory import MemoryBackend
from transport.records import Batch, Record


class Scorer:
    """One run of a worker on `backend`; a restart is another one. `after` looks at each batch's tally."""

    def __init__(
        self,
        backend: MemoryBackend,
        *,
        known: Ledger | None = None,
        assessor: Assess | None = None,
        most: int = 5000,
        after: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.registry = CollectorRegistry()
        self.ledger = known or ledger()
        self._backend = backend
        self._most = most
        self._after = after
        self._watch = Watch(ScorerMetrics(self.registry), self.ledger, lambda: 0.0, lambda: None, lambda: None)
        chosen = assessor or Marked()
        self._processor = Processor(
            lambda: chosen,
            self.ledger,
            delivery="x",
            source="s",
            doubts=BELIEVING,
            clock=lambda: NOW,
            timer=lambda: 0.0,
        )

    def work(self) -> None:
        """Recall what is published, then work off what is there."""
        published = [record for topic in TOPICS for record in self._backend.published(topic)]
        self._watch.turned(self.ledger.recall(filter(None, map(found_in, published))))

        def handle(records: Sequence[Record]) -> Batch:
            self._watch.began(records)
            batch, tally = self._processor.process(records)
            self._watch.processed(tally)
            self._after(tally)
            return batch

        self._backend.drain(Loop(self._backend, handle, bounds=Bounds(records=self._most), observer=self._watch))


def city(partitions: int = 1) -> MemoryBackend:
    """Topics of the reports and of the priorities."""
    named = {topics.CRIME_REPORTS: partitions, **dict.fromkeys(TOPICS, partitions)}
    return MemoryBackend(named, [topics.CRIME_REPORTS])


def priorities(backend: MemoryBackend, topic: str = topics.PRIORITIES) -> list[Priority]:
    """What was published, in order within each partition."""
    return [decode(Priority, record.key, record.value, record.headers) for record in backend.published(topic)]
