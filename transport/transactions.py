"""One transaction a batch, by two transactional producers in turn.

A transaction's first request waits until the markers of the producer's last one are written; a second producer does
not. That keeps the order of commits only because each commit is acknowledged before the next one's offsets are sent:
the group's coordinator then has them in its log in this order, whenever their markers arrive.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from transport.ahead import Place
from transport.calls import Calls
from transport.clients import LOGGER, produce
from transport.errors import Aborted, LoopFailed, TooLarge, TransportError
from transport.observer import Observer
from transport.records import Outgoing, Partition
from transport.retry import CALL_SECONDS, error_of, persist
from transport.settings import TRANSACTION_SECONDS, KafkaSettings, transactional_properties

RING: Final = 2
"""More than two producers gained nothing."""

WORTHWHILE_SECONDS: Final = TRANSACTION_SECONDS + 1.0
"""How long a transaction's requests are repeated, its abort among them: past its timeout, for which the broker looks
each second, it is lost. The client sometimes does not find its coordinator again at all (librdkafka 2.16); a new one
does at once."""

FENCED: Final = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
"""What a producer is told when a newer one has its id; which of these depends on the request that was refused."""


class Transactions:
    """Publishes messages and offsets together or not at all."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._ring: list[Producer] = []
        self._turn = 0
        self._open: Producer | None = None
        self._too_large = False
        self._observer = Observer()
        self._calls = Calls()

    def open(self, observer: Observer) -> None:
        """Fence every producer that an earlier run of this slot left, which ends its open transaction."""

        self._observer = observer

        def failed(error: KafkaError | None, _: Message) -> None:
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._too_large = True

        for member in range(RING):
            properties = {
                **transactional_properties(self._settings, member),
                "error_cb": lambda error: observer.problem(error.str()),
                "on_delivery": failed,
                "logger": LOGGER,
            }
            producer = Producer(properties)
            self._ring.append(producer)
            try:
                persist(partial(producer.init_transactions, CALL_SECONDS), "fencing", observer)
            except KafkaException as exception:
                raise LoopFailed("fencing", error_of(exception).str()) from exception

    def settle(
        self,
        inputs: Sequence[Partition],
        outputs: Sequence[Partition],
        membership: object,
        is_told: Callable[[], bool],
    ) -> bool:
        """Undo what no fencing ends: a transaction that its coordinator calls ended and partitions hold open for ever.

        Apache Kafka (4.3.1) can lose the markers that end a transaction when partitions have no leader for a moment, as
        all of a single broker's have while it stops and starts. The marker of any later transaction of the same
        producer ends what it left in a partition. So each producer of this slot gives up its hold on the offsets of
        `inputs` by a transaction that is aborted. When it turns out to have had one, what it published with them is
        undone in `outputs` in the same way, or it would be there twice; when not, nothing else is touched: its offsets
        may have been committed. Only for new clients, which read again from what is committed.

        is_told: whether the offsets are held by nobody now. True: something was undone, also where a commit was
        acknowledged. What was readable already stays, and its records come again: the handler must know them.
        """
        for producer in self._ring:
            self._touch(producer, (), inputs, membership)
            if is_told():
                self._touch(producer, outputs, (), membership)
                return True
        return False

    def _touch(
        self, producer: Producer, outputs: Sequence[Partition], sources: Sequence[Partition], membership: object
    ) -> None:
        """A transaction that comes to all of these partitions and is aborted."""
        places = [TopicPartition(*partition, 0) for partition in sources]
        began = time.monotonic()
        try:
            producer.begin_transaction()
            self._open = producer
            for topic, partition in outputs:
                producer.produce(topic, partition=partition)  # never readable
            producer.flush(CALL_SECONDS)  # aborted before it is sent, it would come to none
            if places:
                # Refused where others are members, which this one is not yet; that it was tried is enough.
                with contextlib.suppress(KafkaException):
                    self._calls(partial(producer.send_offsets_to_transaction, places, membership, CALL_SECONDS))
            self._abort(producer, began)
        except KafkaException as exception:
            raise self._ended(producer, error_of(exception), began) from exception
        self._open = None

    def publish(self, outgoing: Sequence[Outgoing], places: Mapping[Partition, Place], membership: object) -> None:
        """All of it, or `Aborted`, `TooLarge` or `LoopFailed` and nothing of it."""
        producer = self._ring[self._turn]
        self._turn = (self._turn + 1) % RING
        self._too_large = False
        offsets = [place.to_commit(partition) for partition, place in places.items()]
        began = time.monotonic()
        try:
            producer.begin_transaction()
            self._open = producer
            for message in outgoing:
                produce(producer, message)
            send = partial(producer.send_offsets_to_transaction, offsets, membership, CALL_SECONDS)
            self._insist(send, "sending offsets", began)
            self._insist(partial(producer.commit_transaction, CALL_SECONDS), "committing", began)
        except KafkaException as exception:
            raise self._ended(producer, error_of(exception), began) from exception
        self._open = None

    def serve(self) -> None:
        """Let the producers report while there is nothing to publish."""
        for producer in self._ring:
            producer.poll(0)

    def close(self) -> None:
        """Abort what is open, so that readers do not wait for its timeout."""
        if self._open is not None:
            # A fenced or unreachable producer cannot; its transaction is the broker's to end.
            with contextlib.suppress(KafkaException, LoopFailed):
                self._calls(partial(self._open.abort_transaction, CALL_SECONDS))
        self.abandon()

    def abandon(self) -> None:
        """Leave what is open to those that fence it, and the producers to a call that hangs, which holds one."""
        self._open = None
        self._calls.end(self._ring.clear)

    def _insist(self, call: Callable[[], None], what: str, began: float) -> None:
        """`call` as long as the transaction that `began` then can be alive."""
        persist(partial(self._calls, call), what, self._observer, WORTHWHILE_SECONDS - (time.monotonic() - began))

    def _abort(self, producer: Producer, began: float) -> None:
        self._insist(partial(producer.abort_transaction, CALL_SECONDS), "aborting", began)

    def _ended(self, producer: Producer, error: KafkaError, began: float) -> TransportError:
        """Abort where that is the way out; what to tell the loop of a transaction that `began` then."""
        error = _refusal(producer, error)
        if error.fatal():
            return _failed("fatal", error, began)
        too_large = self._too_large or error.code() == KafkaError.MSG_SIZE_TOO_LARGE
        if not (too_large or error.txn_requires_abort()):
            return LoopFailed(error.name(), error.str())
        try:
            self._abort(producer, began)
        except KafkaException as exception:
            return _failed("abort", error_of(exception), began)
        except LoopFailed as failed:
            return failed
        self._open = None
        # The abort has served all delivery reports, so a refusal of size is known by now.
        if too_large or self._too_large:
            return TooLarge("too-large", error.str())
        return Aborted(error.name(), error.str())


def _refusal(producer: Producer, error: KafkaError) -> KafkaError:
    """The broker's own, where `produce` says only that the transaction's state is not one to produce in.

    It says so once an earlier message of the transaction was refused; to begin another is then refused with the reason.
    """
    if error.code() != KafkaError._STATE:
        return error
    try:
        producer.begin_transaction()
    except KafkaException as exception:
        return error_of(exception)
    return error


def _failed(reason: str, error: KafkaError, began: float) -> LoopFailed:
    """By a transaction that `began` then. It passes when that is over its time, for which the broker fences, too."""
    reason = "fenced" if error.code() in FENCED else reason
    return LoopFailed(reason, error.str(), passing=time.monotonic() - began > TRANSACTION_SECONDS)
