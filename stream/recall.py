"""Finding out what has been published, from the end of `priorities`: a scorer keeps nothing that a restart would lose.

It is enough to look when a partition's first record has come. Whoever had the partition before published priorities and
offsets in one transaction, and the group tells a new member the offsets only once that is complete: its priorities are
in the log then, before the end that is seen now. They may only not be readable yet: the markers on `priorities` trail
those on the offsets by milliseconds, and a dead worker's open transaction hides all that follows until the broker ends
it. So reading goes on up to that end.

While not many records wait to be scored, a thread of its own reads on every few seconds. Little is left to read then
when partitions come: a dead worker's reports would else wait for seconds more.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, get_args

import pydantic_core
from confluent_kafka import KafkaException

from schemas import topics
from schemas.priority import DecidedBy
from stream.agencies import MARKED
from stream.ledger import Found, Ledger, Turned, in_order
from stream.revisions import Decision, name_of
from transport.errors import TransportError
from transport.observer import Observer
from transport.reader import Last, Reader
from transport.records import Partition, Record
from transport.settings import KafkaSettings

TOPICS: Final = (topics.PRIORITIES, topics.PRIORITIES_EXERCISE)

PATIENCE_SECONDS: Final = 8.0
"""How long to wait for what cannot be read yet: a dead worker's transaction times out after 5 s, and the broker looks
for such ones each second where it is set up as `severity kafka` does. Then what is known must do."""

MOST: Final = 5000
"""Records of one read."""

KEEP_UP_SECONDS: Final = 10.0
"""How often a worker that is not behind looks at what others have published since."""

FEW: Final = 25
PAUSE_SECONDS: Final = 0.002
"""Records of one read aside and the pause after it: the loop would else wait for the interpreter at each step."""

SOME: Final = 500
"""Entries that are taken in between two batches: a millisecond's work."""

READ_SECONDS: Final = 0.05

AT_ONCE: Final = {"fetch.wait.max.ms": "5"}
"""The end of a partition is told by an answer without records, for which a broker waits .5 s by default."""

LEVELS: Final = frozenset({None, 1, 2, 3, 4, 5})
DECIDED_BY: Final = frozenset(get_args(DecidedBy))
STATUSES: Final = frozenset({"Actual", "Exercise", "Test"})
LONGEST_CODE: Final = 64

logger = logging.getLogger(__name__)


def found_in(record: Record) -> Found | None:
    """What a published priority tells; None for a record that is none, whoever wrote it."""
    try:
        return _found(record, pydantic_core.from_json(record.value or b""))
    except (ValueError, KeyError, TypeError):
        return None


def _found(record: Record, body: Mapping[str, Any]) -> Found | None:
    """Raises KeyError or TypeError for what is no priority."""
    revision, source = body["revision"], body["source"]
    decision = Decision(revision, body["severity"], body["priority"], body["decided_by"])
    agency = body["agency_id"]
    sound = (
        isinstance(agency, str)
        and type(revision) is int
        and decision.severity in LEVELS
        and isinstance(decision.priority, str)
        and 0 < len(decision.priority) <= LONGEST_CODE
        and decision.decided_by in DECIDED_BY
        and body["status"] in STATUSES
        and isinstance(source["topic"], str)
        and type(source["partition"]) is type(source["offset"]) is int
    )
    if not sound:
        return None
    known = revision > 0
    return Found(
        published_ms=record.timestamp_ms,
        source=(source["topic"], source["partition"]),
        offset=source["offset"],
        name=name_of(f"{agency}/{body['report_id']}".encode(), body["status"]) if known else None,
        decision=decision if known else None,
        agency=agency,
        bad=body.get("dead_letter") is not None,
        marked=any(reason["code"] == MARKED for reason in body["reasons"]),
    )


class _Read(NamedTuple):
    found: list[Found]
    places: Mapping[Partition, int]  # where to read on
    complete: bool


class _Aside(Observer):
    """Of a thread beside the loop, which must not seem to be alive by what that thread does."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def stopping(self) -> bool:
        return self._stopped.is_set()


class Recall:
    """Brings a ledger up to date with what is published.

    Arguments:
        settings: how to reach Kafka.
        ledger: what is brought up to date.
        most: priorities that are read at most, from the end: more would not be remembered.
        observer: hears of a broker that is away.
        alive: called while it goes on.
        incomplete: called when not everything could be read.
        turned: told which agencies are marked by it and which no more.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        ledger: Ledger,
        most: int,
        observer: Observer,
        *,
        alive: Callable[[], None],
        incomplete: Callable[[], None],
        turned: Callable[[Turned], None],
    ) -> None:
        self._settings = settings.model_copy(update={"client": {**settings.client, **AT_ONCE}})
        self._ledger = ledger
        self._most = most
        self._observer = observer
        self._alive = alive
        self._incomplete = incomplete
        self._turned = turned
        self._swap = threading.Lock()
        self._places: Mapping[Partition, int] = {}
        self._news: Sequence[Found] = ()

    def ahead(self) -> None:
        """Read what can be read at once: before any partition is assigned, so that less is left to read then."""
        self._read_on(wait=False)

    def keep_up(self, stopped: threading.Event, behind: Callable[[], bool]) -> None:
        """Read on now and then, unless the worker is `behind`, for `take_in`. To be run by a thread of its own."""
        while not stopped.wait(KEEP_UP_SECONDS):
            if behind() or self._news:
                continue
            places = self._places
            read = self._read(places, FEW, _Aside(stopped), partial(time.sleep, PAUSE_SECONDS), wait=False)
            with self._swap:
                if self._places is places:  # else the loop has read on itself
                    self._places, self._news = read.places, in_order(read.found)

    def take_in(self) -> None:
        """Enter some of what was read aside; between two batches, so that none waits for long."""
        if self._news:
            with self._swap:
                some, self._news = self._news[:SOME], self._news[SOME:]
            self._turned(self._ledger.recall(some))

    def afresh(self) -> None:
        """Forget what is known, and read all of it the next time."""
        with self._swap:
            self._places, self._news = {}, ()
        self._ledger.forget()

    def __call__(self) -> None:
        """Read up to the end as it is now, from where the last time ended."""
        with self._swap:  # what is being read aside is let go
            news, self._places, self._news = self._news, dict(self._places), ()
        if news:
            self._turned(self._ledger.recall(news))
        if not self._read_on(wait=True):
            self._incomplete()
            logger.warning(
                "not all that others published could be read: a revision may be published twice, or after a higher "
                "one, and readers ignore it then"
            )

    def _read_on(self, *, wait: bool) -> bool:
        """Whether all was read."""
        began = time.monotonic()
        found, self._places, complete = self._read(self._places, MOST, self._observer, self._alive, wait=wait)
        self._turned(self._ledger.recall(found))
        logger.info("%d published priorities recalled in %.2f s", len(found), time.monotonic() - began)
        return complete

    def _read(
        self, places: Mapping[Partition, int], most: int, observer: Observer, then: Callable[[], None], *, wait: bool
    ) -> _Read:
        """`most` records at a time, and `then` something else. What was read before an error counts."""
        found: list[Found] = []
        reader: Reader | None = None
        try:
            with Reader(self._settings, TOPICS, Last(self._most, places), observer) as reader:
                complete = _follow(reader, most, found, then, wait=wait)
                return _Read(found, {**places, **reader.places}, complete)
        except (TransportError, KafkaException) as error:
            logger.warning("%s could not be read: %s", " and ".join(TOPICS), error)
            return _Read(found, {**places, **(reader.places if reader else {})}, complete=False)


def _follow(reader: Reader, most: int, found: list[Found], then: Callable[[], None], *, wait: bool) -> bool:
    """Whether all was read."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    ends: Mapping[Partition, int] | None = None
    while time.monotonic() < deadline:
        found += filter(None, map(found_in, reader.read(most, READ_SECONDS)))
        then()
        ends = ends or reader.ends()
        if ends is not None and all(reader.places.get(place, 0) >= end for place, end in ends.items()):
            return True
        if not wait and reader.caught_up:
            return True
    return False
