"""Finding out what has been published, from the end of `priorities`: a scorer keeps nothing that a restart would lose.

It is enough to look when a partition's first record has come. Whoever had the partition before published priorities and
offsets in one transaction, and the group tells a new member the offsets only once that is complete: its priorities are
in the log then, before the end that is seen now. They may only not be readable yet: the markers on `priorities` trail
those on the offsets by milliseconds, and a dead worker's open transaction hides all that follows until the broker ends
it. So reading goes on up to that end.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import pydantic_core
from confluent_kafka import KafkaException

from schemas import topics
from schemas.priority import DecidedBy
from stream.agencies import MARKED
from stream.ledger import Found, Ledger, Turned
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
        self._places: dict[Partition, int] = {}

    def ahead(self) -> None:
        """Read what can be read at once: before any partition is assigned, so that less is left to read then."""
        self._read(wait=False)

    def afresh(self) -> None:
        """Forget what is known, and read all of it the next time."""
        self._ledger.forget()
        self._places.clear()

    def __call__(self) -> None:
        """Read up to the end as it is now, from where the last time ended."""
        if not self._read(wait=True):
            self._incomplete()
            logger.warning(
                "not all that others published could be read: a revision may be published twice, or after a higher "
                "one, and readers ignore it then"
            )

    def _read(self, *, wait: bool) -> bool:
        """Whether all was read. What was read before an error counts."""
        began = time.monotonic()
        found: list[Found] = []
        complete = False
        try:
            with Reader(self._settings, TOPICS, Last(self._most, self._places), self._observer) as reader:
                complete = self._follow(reader, found, wait=wait)
                self._places.update(reader.places)
        except (TransportError, KafkaException) as error:
            logger.warning("%s could not be read: %s", " and ".join(TOPICS), error)
        self._turned(self._ledger.recall(found))
        logger.info("%d published priorities recalled in %.2f s", len(found), time.monotonic() - began)
        return complete

    def _follow(self, reader: Reader, found: list[Found], *, wait: bool) -> bool:
        deadline = time.monotonic() + PATIENCE_SECONDS
        ends: Mapping[Partition, int] | None = None
        while time.monotonic() < deadline:
            found += filter(None, map(found_in, reader.read(MOST, READ_SECONDS)))
            self._alive()
            ends = ends or reader.ends()
            if ends is not None and all(reader.places.get(place, 0) >= end for place, end in ends.items()):
                return True
            if not wait and reader.caught_up:
                return True
        return False
