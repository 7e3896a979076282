"""Dead letters as an operator sees them, and the way back: each is sent to its topic again once, however often asked.

What was sent again is known by a receipt: a record without a body on the dead letters' own topic, written in one
transaction with what is sent. So nothing beside Kafka need be kept, letters can be chosen one by one, and a receipt is
never deleted before its letter. Who redrives fences whoever redrives beside them, and reads the receipts after that.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from transport.errors import NoBroker
from transport.office import FencingSender
from transport.reader import Reader
from transport.records import DEAD_LETTERS, ERROR_PREFIX, FIRST_FAILURE, LEFT_OUT, Partition, Record
from transport.settings import KafkaSettings

REDRIVEN_FROM: Final = "severity.redriven_from"
"""Header of a record that is sent again, with the place of its dead letter; one that fails again keeps it."""

RECEIPT: Final = "severity.redriven"
"""Header of a receipt, with the place of the letter that was sent again."""

IDENTITY: Final = "severity-redrive"
"""Transactional id: of two who redrive at once, the later fences the earlier."""

PATIENCE_SECONDS: Final = 30.0
"""How long an open transaction is waited for: a scorer that died has its own ended within 6 s."""

AT_ONCE: Final = {"fetch.wait.max.ms": "10"}
"""The end of a partition is told by an answer without records, for which a broker waits .5 s by default."""

TOGETHER: Final = 200
"""Letters of one transaction."""


class Place(NamedTuple):
    """Where a letter lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `redriven`: it was sent again. `came_back`: it is of a record that was, and failed again."""

    place: Place
    record: Record
    redriven: bool

    @property
    def came_back(self) -> bool:
        """Whether its record had been sent again before."""
        return self.header(REDRIVEN_FROM) is not None

    @property
    def bare(self) -> bool:
        """Whether its body was left out, being too large."""
        return self.header(LEFT_OUT) is not None

    @property
    def reason(self) -> str:
        """Why it could not be used, as a code."""
        return self.error("reason")

    @property
    def source(self) -> str:
        """Where the record lay that failed."""
        return f"{self.error('topic')}/{self.error('partition')}@{self.error('offset')}"

    def error(self, name: str) -> str:
        """What a header `severity.error.*` says; empty without it."""
        return self.header(f"{ERROR_PREFIX}{name}") or ""

    def header(self, name: str) -> str | None:
        """A header's text, the last of its name."""
        found = [content for header, content in self.record.headers if header == name]
        return (found[-1] or b"").decode(errors="replace") if found else None


@dataclass(slots=True)
class Redriven:
    """What came of the letters that were chosen."""

    sent: list[Place] = field(default_factory=list)
    sent_before: list[Place] = field(default_factory=list)
    bare: list[Place] = field(default_factory=list)
    """Without a body there is nothing to send: the record itself has to be sent by whoever wrote it."""


def letters(settings: KafkaSettings, topics: Sequence[str]) -> list[Letter]:
    """All that the dead letters' `topics` (names, or patterns that begin with `^`) hold now, in order of place."""
    records = everything(settings, topics)
    receipts = {content for record in records for name, content in record.headers if name == RECEIPT}
    found = [
        Letter(place, record, str(place).encode() in receipts)
        for record in records
        if not any(name == RECEIPT for name, _ in record.headers)
        for place in [Place(record.topic, record.partition, record.offset)]
    ]
    return sorted(found, key=lambda letter: letter.place)


def everything(settings: KafkaSettings, topics: Sequence[str]) -> list[Record]:
    """All records of `topics` up to their ends as they are now.

    Readers stop before the first open transaction, and a receipt may lie behind that of a scorer: so this waits until
    it has ended. Raises `NoBroker` when it does not.
    """
    quick = settings.model_copy(update={"client": {**AT_ONCE, **settings.client}})
    deadline = time.monotonic() + PATIENCE_SECONDS
    records: list[Record] = []
    ends: Mapping[Partition, int] | None = None
    with Reader(quick, topics) as reader:
        while time.monotonic() < deadline:
            records += reader.read(1000, 0.2)
            ends = reader.ends() if ends is None else ends
            if ends is not None and all(reader.places.get(place, 0) >= end for place, end in ends.items()):
                return records
    detail = f"the end of {', '.join(topics)} cannot be read, behind an open transaction: try again in a minute"
    raise NoBroker("open-transaction", detail)


def redrive(settings: KafkaSettings, topics: Sequence[str], chosen: Callable[[Letter], bool]) -> Redriven:
    """Send the `chosen` letters' records to their topics again, as they were, unless they have been.

    Raises:
        NotDelivered: the broker did not take some, or somebody else redrives now; what was sent has its receipt.
        NoBroker, LoopFailed: no broker answers, or an open transaction hides what there is.
    """
    sender = FencingSender(settings, IDENTITY)  # first: what another has sent has its receipt from now on
    result, waiting = Redriven(), list[Place]()

    def publish() -> None:
        sender.flush()
        result.sent.extend(waiting)
        waiting.clear()

    for letter in filter(chosen, letters(settings, topics)):
        if letter.redriven:
            result.sent_before.append(letter.place)
        elif letter.bare:
            result.bare.append(letter.place)
        else:
            record, place = letter.record, str(letter.place).encode()
            kept = [
                (name, content)
                for name, content in record.headers
                if name != REDRIVEN_FROM and (name == FIRST_FAILURE or not name.startswith(ERROR_PREFIX))
            ]
            target = record.topic.removesuffix(DEAD_LETTERS)
            sender.send(target, record.key, record.value, [*kept, (REDRIVEN_FROM, place)])
            sender.send(record.topic, record.key, None, [(RECEIPT, place)])
            waiting.append(letter.place)
            if len(waiting) == TOGETHER:
                publish()
    publish()
    return result
