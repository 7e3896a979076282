"""The loop's backend on Kafka, exactly once or at least once as the settings say."""

from collections.abc import Mapping, Sequence

from transport.backend import Backend
from transport.deliveries import Deliveries
from transport.errors import Aborted, LoopFailed
from transport.observer import Observer
from transport.records import Outgoing, Partition, Record
from transport.settings import KafkaSettings
from transport.source import TRIES, GroupSource
from transport.transactions import Transactions


class ExactlyOnce:
    """Outputs and offsets in one transaction. Keeps `Backend`."""

    exactly_once = True

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], outputs: Sequence[str]) -> None:
        self._settings = settings
        self._source = GroupSource(settings, topics)
        self._transactions = Transactions(settings)
        self._outputs = outputs
        self._observer = Observer()

    def open(self, observer: Observer) -> None:
        """Fence first, then read: what an earlier run left open must not count any more when offsets are asked for."""
        self._observer = observer
        source = self._source
        source.open(observer)
        self._fence()
        inputs = source.partitions()
        if source.committed(inputs, TRIES) is None:
            outputs = source.partitions(self._outputs)
            if self._transactions.settle(
                inputs, outputs, source.membership, lambda: source.committed(inputs) is not None
            ):
                observer.undone()
        source.join()

    def read(self, most: int, seconds: float) -> list[Record]:
        """See `Backend.read`."""
        records = self._source.read(most, seconds)
        if not records:
            self._transactions.serve()
        return records

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """See `Backend.publish`."""
        places = self._source.places(offsets)
        try:
            self._transactions.publish(outgoing, places, self._source.membership)
        except Aborted:
            self._source.rewind()
            raise
        except LoopFailed as failed:
            if not failed.passing or self._observer.stopping():
                raise
            if not self._renewed_published(offsets, failed):
                self._source.rewind()
                raise Aborted(failed.reason, failed.detail) from failed
        self._source.done(places)

    def leave(self) -> None:
        """See `Backend.leave`."""
        self._source.close()

    def lag(self) -> int:
        """See `Backend.lag`."""
        return self._source.lag()

    def close(self) -> None:
        """See `Backend.close`. Producers first: an open transaction is ended before others get the partitions."""
        self._transactions.close()
        self._source.close()

    def _fence(self) -> None:
        self._transactions = Transactions(self._settings)
        self._transactions.open(self._observer)

    def _renewed_published(self, offsets: Mapping[Partition, int], failed: LoopFailed) -> bool:
        """Whether the batch with these offsets was published after all, as is known once new producers have fenced the
        old ones, with which this could not go on. They alone are new: whoever leaves its group stops all of it.

        Another worker that has the partitions by now and went on from there had to have published it, too.
        """
        self._transactions.abandon()
        self._observer.renewed(failed.reason)
        self._fence()
        self._source.await_coordinator()
        if (committed := self._source.committed(offsets, TRIES)) is None:
            raise failed  # all clients have to be new, and settle it
        return all(committed[partition].covers(offset) for partition, offset in offsets.items())


class AtLeastOnce:
    """Outputs, then offsets. Keeps `Backend`."""

    exactly_once = False

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._source = GroupSource(settings, topics)
        self._deliveries = Deliveries(settings)

    def open(self, observer: Observer) -> None:
        """See `Backend.open`; there is nothing to fence."""
        self._deliveries.open(observer)
        self._source.open(observer)
        self._source.join()

    def read(self, most: int, seconds: float) -> list[Record]:
        """See `Backend.read`."""
        records = self._source.read(most, seconds)
        if not records:
            self._deliveries.serve()
        return records

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """See `Backend.publish`; some of it may be out already when it fails, and is then repeated."""
        try:
            self._deliveries.publish(outgoing)
        except Aborted:
            self._source.commit_stored()
            self._source.rewind()
            raise
        places = self._source.places(offsets)
        self._source.store(places)
        self._source.done(places)

    def leave(self) -> None:
        """See `Backend.leave`."""
        self._source.close()

    def lag(self) -> int:
        """See `Backend.lag`."""
        return self._source.lag()

    def close(self) -> None:
        """See `Backend.close`."""
        self._source.close()
        self._deliveries.close()


def kafka_backend(settings: KafkaSettings, topics: Sequence[str], outputs: Sequence[str]) -> Backend:
    """For `topics`, with the guarantee that the settings ask for.

    outputs: all topics that its handler and its dead letters write to. Both are names, or patterns that begin with `^`.
    """
    return (
        ExactlyOnce(settings, topics, outputs) if settings.delivery == "exactly-once" else AtLeastOnce(settings, topics)
    )
