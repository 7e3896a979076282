"""The checker finds every kind of fault, and none where there is none."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bench.checking import Sent, Verdict, judge, sent
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from schemas.priority import SourcePosition
from tests.stream.standin import NOW, Marked
from transport.records import DeadLetter, Outgoing, Record

DLQ = topics.dead_letters(topics.CRIME_REPORTS)


def report(number: int, **fields: object) -> CrimeReport:
    said = {"agency_id": "rivertown", "report_id": str(number), "reported_at": NOW, **fields}
    return CrimeReport.model_validate(said)


@dataclass
class Course:
    """What was sent, and what a faultless scorer made of it: to be spoilt by a test."""

    sent: list[Sent] = field(default_factory=list)
    sources: list[Record] = field(default_factory=list)
    priorities: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)

    def file(self, filed: CrimeReport) -> None:
        key, value, headers = encode(filed, source="cad/test", time=NOW)
        self.sent.append(sent(key, value))
        self.sources.append(Record(topics.CRIME_REPORTS, 0, len(self.sources), key, value, tuple(headers), 0))
        self.priorities.append(self.answer(filed, len(self.sources) - 1))

    def answer(self, filed: CrimeReport, offset: int, topic: str = topics.PRIORITIES) -> Record:
        place = SourcePosition(topic=topics.CRIME_REPORTS, partition=0, offset=offset)
        (priority,) = Marked().assess([filed], [place], NOW)
        key, value, headers = encode(priority, source="severity/test", time=NOW)
        return Record(topic, 0, len(self.priorities), key, value, tuple(headers), 0)

    def refuse(self, value: bytes) -> None:
        record = Record(topics.CRIME_REPORTS, 0, len(self.sources), None, value, (), 0)
        self.sent.append(sent(None, value, "dead letter"))
        self.sources.append(record)
        self.letters.append(self.letter(DeadLetter(record, "not-json", "").outgoing(NOW)))

    def letter(self, outgoing: Outgoing) -> Record:
        headers = tuple(outgoing.headers)
        return Record(outgoing.topic, 0, len(self.letters), outgoing.key, outgoing.value, headers, 0)

    def judge(self) -> Verdict:
        return judge(self.sent, self.sources, self.priorities, self.letters)


@pytest.fixture
def course() -> Course:
    made = Course()
    for number in range(3):
        made.file(report(number))
    made.file(report(1, revision=2))
    made.refuse(b"{")
    return made


def test_a_faultless_course_is_found_clean(course: Course) -> None:
    verdict = course.judge()
    assert verdict.clean, verdict.examples
    assert (verdict.sent, verdict.priorities, verdict.dead_letters) == (5, 4, 1)


def lose(course: Course) -> None:
    del course.priorities[0]


def double(course: Course) -> None:
    course.priorities.append(course.priorities[0])


def swap(course: Course) -> None:
    course.priorities[1], course.priorities[3] = course.priorities[3], course.priorities[1]


def move(course: Course) -> None:
    course.priorities[3] = course.priorities[3]._replace(partition=1)


def answer_another(course: Course) -> None:
    course.priorities[0] = course.answer(report(7), 0)


def answer_nothing(course: Course) -> None:
    course.priorities.append(course.answer(report(9), 77))


def answer_another_revision(course: Course) -> None:
    course.priorities[0] = course.answer(report(0, revision=2), 0)


def answer_what_is_to_be_refused(course: Course) -> None:
    course.priorities.append(course.answer(report(9), 4))


def answer_among_drills(course: Course) -> None:
    course.priorities[0] = course.answer(report(0), 0, topics.PRIORITIES_EXERCISE)


def score_otherwise(course: Course) -> None:
    body = course.priorities[3].value or b""
    course.priorities[3] = course.priorities[3]._replace(value=body.replace(b'"baseline":null', b'"baseline":1.5'))


def lose_a_letter(course: Course) -> None:
    course.letters.clear()


def double_a_letter(course: Course) -> None:
    course.letters.append(course.letters[0])


def change_a_letter(course: Course) -> None:
    course.letters[0] = course.letters[0]._replace(value=b"[")


def refuse_a_good_one(course: Course) -> None:
    course.letters.append(course.letter(DeadLetter(course.sources[0], "invalid", "").outgoing(NOW)))


def forget_to_file(course: Course) -> None:
    course.sent.append(sent(b"rivertown/77", b"{}"))


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lose, "lost"),
        (double, "doubled"),
        (swap, "out_of_order"),
        (move, "out_of_order"),
        (answer_another, "wrong"),
        (answer_nothing, "wrong"),
        (answer_another_revision, "wrong"),
        (answer_what_is_to_be_refused, "wrong"),
        (answer_among_drills, "wrong"),
        (score_otherwise, "wrong"),
        (lose_a_letter, "letters_lost"),
        (double_a_letter, "letters_doubled"),
        (change_a_letter, "letters_wrong"),
        (refuse_a_good_one, "letters_wrong"),
        (forget_to_file, "unfiled"),
    ],
)
def test_a_fault_is_found_and_named(course: Course, spoil: Callable[[Course], None], kind: str) -> None:
    spoil(course)
    verdict = course.judge()
    assert verdict.faults == {kind: 1}
    assert verdict.examples[0].startswith(f"{kind}: ")


def test_a_repeat_of_a_record_may_be_dropped_and_is_not_taken_for_the_first(course: Course) -> None:
    first = course.sources[0]
    course.sent.append(sent(first.key, first.value, "dropped"))
    course.sources.append(first._replace(offset=len(course.sources)))
    assert course.judge().clean
    course.priorities.append(course.answer(report(0), len(course.sources) - 1))
    assert "doubled" in course.judge().faults
