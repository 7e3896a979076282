"""Records in, priorities and dead letters out: what the scorer does with a batch, without Kafka and without a clock.

A record that can be read gives a priority; one that cannot is a dead letter, and where its body or its key tells whose
report it is, also a priority that asks for a person: a crime report must not vanish. No record makes the processor
raise.
Where only optional fields of a report are wrong, its priority comes from the rest of it. A revision that is not higher
than what is published is dropped. The reports of an agency that turned bad are not scored: they go to a person.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from schemas import topics
from schemas.envelope import Encoded, encoder
from schemas.priority import Priority
from severity.laps import Laps
from stream.doubts import Doubts
from stream.ledger import Ledger
from stream.reading import read
from stream.tally import Tally
from stream.work import Assess, Work
from transport.records import Batch, DeadLetter, Outgoing, Record

DELIVERY_HEADER: Final = "severity.delivery"
"""Kafka header of each priority that says how it was delivered: exactly-once or at-least-once."""

PART: Final = 500
"""Records of one part: 1,000 and more cost up to a fifth more, their objects no longer being in a core's cache."""


class _Course(NamedTuple):
    """What a batch's parts share. highest: by a report's name, the highest revision in the batch so far."""

    assessor: Assess
    now: datetime
    tally: Tally
    lap: Laps
    highest: dict[bytes, int]


class Processor:
    """`process(records)`: decode all, assess all with one release, encode all.

    A large batch is gone through in parts, which stay in a core's caches.

    Arguments:
        current: the assessor to use, asked once a batch, so that no batch mixes releases.
        ledger: what has been published, only read here.
        delivery: what the header `severity.delivery` says.
        source: URI reference of this scorer, the CloudEvents `source`.
        doubts: what reports are not believed to be.
        clock: the time now, with an offset.
        timer: seconds on a steady clock, for the time spent in each stage.
    """

    def __init__(
        self,
        current: Callable[[], Assess],
        ledger: Ledger,
        *,
        delivery: str,
        source: str,
        doubts: Doubts,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
    ) -> None:
        self._current = current
        self._ledger = ledger
        self._delivery = (DELIVERY_HEADER, delivery.encode())
        self._source = source
        self._doubts = doubts
        self._clock = clock
        self._timer = timer

    def process(self, records: Sequence[Record]) -> tuple[Batch, Tally]:
        """Answer every record, in order."""
        course = _Course(self._current(), self._clock(), Tally(len(records)), Laps(self._timer), {})
        outputs: list[Outgoing] = []
        letters: list[DeadLetter] = []
        for start in range(0, len(records), PART):
            self._answer(records[start : start + PART], course, outputs, letters)
        course.tally.stage_seconds = course.lap.seconds
        return Batch(outputs, letters), course.tally

    def _answer(
        self, records: Sequence[Record], course: _Course, outputs: list[Outgoing], letters: list[DeadLetter]
    ) -> None:
        """Answer a part of a batch."""
        assessor, now, tally, lap, highest = course
        reading = read(records)
        tally.unknown_fields += sum(len(report.unknown_fields) for report in reading.reports.values())
        lap("decode")
        work = Work(records, reading.reports, reading.refused)
        work.doubt(self._doubts, tally)
        work.drop_old(self._ledger, highest, tally)
        lap("order")
        work.assess(assessor, self._ledger.marked, now, tally, lap)
        work.learn(self._ledger, tally)
        lap("order")
        encode = encoder(source=self._source, time=now)
        outputs += [self._outgoing(encode, work.answers[place], tally) for place in sorted(work.answers)]
        letters += [work.refused[place] for place in sorted(work.refused)]
        lap("encode")

    def _outgoing(self, encode: Callable[[Priority], Encoded], priority: Priority, tally: Tally) -> Outgoing:
        drill = priority.status != "Actual"
        tally.priorities[priority.severity, priority.decided_by] += 1
        tally.drills += drill
        tally.human_triage += priority.needs_human_triage
        key, value, headers = encode(priority)
        headers.append(self._delivery)
        return Outgoing(topics.PRIORITIES_EXERCISE if drill else topics.PRIORITIES, key, value, headers)
