"""A batch under way: which of its reports are new, what they are answered, and what a person has to look at."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Final, Protocol

from pydantic import ValidationError

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.priority import DeadLetterRef, Previous, Priority, Reason, SourcePosition
from severity.laps import Lap, untimed
from stream.agencies import MARKED
from stream.doubts import NOT_ITS_DRILL, Doubts, doubted
from stream.ledger import Ledger
from stream.reading import owner, whose
from stream.revisions import Decision, name_of, why_dropped
from stream.tally import Tally
from transport.errors import where
from transport.records import DeadLetter, Record

UNSCORABLE: Final = "unscorable"
"""Dead-letter reason: readable, but not even the rules could answer."""

NOT_TRUSTED: Final = Reason(
    code=MARKED, text="not scored: too many of this agency's records cannot be read now, so a person must look"
)

_agency: Final = attrgetter("agency_id")

logger = logging.getLogger(__name__)


class Assess(Protocol):
    """What is needed of `severity.assess.Assessor`."""

    def assess(
        self, reports: Sequence[CrimeReport], positions: Sequence[SourcePosition], now: datetime, lap: Lap = untimed
    ) -> list[Priority]:
        """One priority a report, in order."""

    def triage(
        self, agency_id: str, report_id: str, dead_letter: DeadLetterRef, position: SourcePosition, now: datetime
    ) -> Priority:
        """A priority that asks for a person. Raises ValidationError when the identity breaks the contract."""

    def triage_readable(self, report: CrimeReport, reason: Reason, position: SourcePosition, now: datetime) -> Priority:
        """A priority that asks for a person, for a report that can be read and is not scored."""


@dataclass(frozen=True, slots=True)
class Work:
    """Every mapping is by a record's place in the batch.

    reports: what can be read, in whole or in part. refused: dead letters; what can be read in part is in both.
    answers: the priorities. dropped: reports that are not answered, being old.
    names: what each report is remembered by. replacing: those of which a lower revision is known, or stands before
    them in the batch. doubts: what a person has to know of a report.
    """

    records: Sequence[Record]
    reports: dict[int, CrimeReport]
    refused: dict[int, DeadLetter]
    answers: dict[int, Priority] = field(default_factory=dict)
    dropped: dict[int, CrimeReport] = field(default_factory=dict)
    names: dict[int, bytes] = field(default_factory=dict)
    replacing: set[int] = field(default_factory=set)
    doubts: dict[int, list[Reason]] = field(default_factory=dict)

    def doubt(self, doubts: Doubts, tally: Tally) -> None:
        """Note what is not believed of the reports; who may send no drills has sent real ones."""
        for place, report in self.reports.items():
            if why := doubts.about(report, self.records[place].timestamp_ms):
                self.doubts[place] = why
                if NOT_ITS_DRILL in why:
                    self.reports[place] = report.model_copy(update={"status": "Actual"})
                tally.doubted.update(reason.code for reason in why)

    def drop_old(self, ledger: Ledger, highest: dict[bytes, int], tally: Tally) -> None:
        """Leave out revisions that are not higher than what is published or stands before them in the batch.

        highest: by a report's name, of what stands before in the batch; this part's are added.
        """
        for place, report in self.reports.items():
            name = self.names[place] = name_of(self.records[place].key or report.key, report.status)
            published = highest.get(name)
            if published is None and (last := ledger.last(name)):
                published = last.revision
            if published is not None:
                if why := why_dropped(report.revision, published):
                    self.dropped[place] = report
                    tally.dropped[why] += 1
                    continue
                self.replacing.add(place)
            highest[name] = report.revision
        for place in self.dropped:
            del self.reports[place]

    def assess(self, assessor: Assess, marked: frozenset[str], now: datetime, tally: Tally, lap: Lap) -> None:
        """Answer every report, then give what was refused to a person where it is known whose it is.

        Reports of the agencies `marked` are not scored.
        """
        trusted = self.reports
        if marked:
            trusted = {place: report for place, report in self.reports.items() if report.agency_id not in marked}
            self._distrust(assessor, self.reports.keys() - trusted.keys(), now)
            tally.not_trusted += len(self.reports) - len(trusted)
        positions = [self._position(place) for place in trusted]
        try:
            priorities = assessor.assess([*trusted.values()], positions, now, lap) if positions else []
            self.answers.update(zip(trusted, priorities, strict=True))
        except Exception as error:  # whatever fails, and for whichever report: the others must be answered
            logger.error(  # without the error's text, which may hold what a report says
                "a batch of %d reports could not be assessed (%s): now one by one", len(positions), where(error)
            )
            self._one_by_one(assessor, trusted, now)
        for place, why in self.doubts.items():
            if place in self.answers:
                self.answers[place] = doubted(self.answers[place], why)
        for place, letter in self.refused.items():
            if place in self.answers:
                self.answers[place] = _in_part(self.answers[place], letter)
            elif place not in self.dropped and (triage := _triage(assessor, letter, self._position(place), now)):
                self.answers[place] = triage

    def learn(self, ledger: Ledger, tally: Tally) -> None:
        """Let each priority that replaces another say so, and note what is to be remembered once all is committed."""
        decisions, outcomes = tally.lesson.decisions, tally.lesson.outcomes
        for place, name in self.names.items():
            priority = self.answers.get(place)
            if priority is None or not priority.revision:
                continue
            if place in self.replacing and (last := decisions.get(name) or ledger.last(name)):
                previous = Previous(**last._asdict())
                self.answers[place] = priority.model_copy(update={"previous": previous})
                tally.replaced += 1
            decisions[name] = Decision(priority.revision, priority.severity, priority.priority, priority.decided_by)
        if not self.refused:  # nearly always, and then their order tells nothing
            readable = (*self.answers.values(), *self.dropped.values())
            for agency_id, many in Counter(map(_agency, readable)).items():
                outcomes[agency_id] += [False] * many
            return
        for place, record in enumerate(self.records):
            known = self.answers.get(place) or self.dropped.get(place)
            agency_id = known.agency_id if known else owner(record.topic)
            if agency_id is not None:
                outcomes[agency_id].append(place in self.refused)

    def _position(self, place: int) -> SourcePosition:
        record = self.records[place]
        return SourcePosition.trusted({"topic": record.topic, "partition": record.partition, "offset": record.offset})

    def _distrust(self, assessor: Assess, places: Iterable[int], now: datetime) -> None:
        for place in places:
            try:
                position = self._position(place)
                self.answers[place] = assessor.triage_readable(self.reports[place], NOT_TRUSTED, position, now)
            except Exception as error:  # a rule's, for this report alone
                self._unscorable(place, error)

    def _one_by_one(self, assessor: Assess, reports: Mapping[int, CrimeReport], now: datetime) -> None:
        for place, report in reports.items():
            try:
                (self.answers[place],) = assessor.assess([report], [self._position(place)], now)
            except Exception as error:  # logged for the batch
                self._unscorable(place, error)

    def _unscorable(self, place: int, error: Exception) -> None:
        """This report goes to a person, as one that cannot be read does."""
        detail = f"{type(error).__name__} while it was assessed"
        self.refused[place] = DeadLetter(self.records[place], UNSCORABLE, detail)


def _in_part(priority: Priority, letter: DeadLetter) -> Priority:
    """The priority of what could be read of a report, for a person to look at the rest."""
    reference = DeadLetterRef(topic=topics.dead_letters(letter.record.topic), reason=letter.reason)
    return priority.model_copy(update={"needs_human_triage": True, "dead_letter": reference})


def _triage(assessor: Assess, letter: DeadLetter, position: SourcePosition, now: datetime) -> Priority | None:
    """None when neither the record's body nor its key tells, by the contract's rules, whose report it is."""
    reference = DeadLetterRef(topic=topics.dead_letters(letter.record.topic), reason=letter.reason)
    for agency_id, report_id in whose(letter.record):
        try:
            return assessor.triage(agency_id, report_id, reference, position, now)
        except ValidationError:
            continue
    return None
