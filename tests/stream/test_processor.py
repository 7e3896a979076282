import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.crime_report import CrimeReport, Location
from schemas.envelope import decode, encode, salvage
from schemas.priority import DeadLetterRef, ModelRef, Priority
from severity.assess import Assessor, Release
from severity.policy import Policy
from severity.rules import Rules
from severity.scheme import Schemes
from severity.wording import Wording
from stream.doubts import Doubts
from stream.ledger import Ledger
from stream.processor import PART, Processor
from stream.tally import Tally
from stream.work import Assess
from tests.severity.small_model import small_model
from tests.strategies import reports
from tests.stream.standin import BELIEVING, NOW, Marked, ledger
from transport.records import Batch, DeadLetter, Outgoing, Record


def processor(assessor: Assess | None = None, known: Ledger | None = None, doubts: Doubts = BELIEVING) -> Processor:
    chosen = assessor or Marked()
    return Processor(
        lambda: chosen,
        known or ledger(),
        delivery="exactly-once",
        source="severity/test",
        doubts=doubts,
        clock=lambda: NOW,
        timer=lambda: 0.0,
    )


def record(
    value: bytes | None,
    key: bytes | None = b"lapd/1",
    headers: Sequence[tuple[str, bytes]] = (),
    topic: str = topics.CRIME_REPORTS,
    offset: int = 7,
) -> Record:
    return Record(topic, 2, offset, key, value, tuple(headers), 1_700_000_000_000)


def filed(report: CrimeReport, topic: str = topics.CRIME_REPORTS, offset: int = 7) -> Record:
    key, value, headers = encode(report, source="cad/test", time=NOW)
    return record(value, key, headers, topic, offset)


def crime(**fields: object) -> CrimeReport:
    return CrimeReport.model_validate({"agency_id": "lapd", "report_id": "1", "reported_at": NOW, **fields})


def read(output: Outgoing) -> Priority:
    return decode(Priority, output.key, output.value, output.headers)


def process(records: Sequence[Record], assessor: Assess | None = None) -> Batch:
    batch, _ = processor(assessor).process(records)
    return batch


def tally(records: Sequence[Record]) -> Tally:
    _, counted = processor().process(records)
    return counted


def test_a_report_gives_one_priority_under_its_own_key_that_names_its_record() -> None:
    batch = process([filed(crime(report_id="42", revision=3), offset=99)])
    (output,) = batch.outputs
    priority = read(output)
    assert (output.topic, output.key, batch.dead_letters) == (topics.PRIORITIES, b"lapd/42", [])
    assert (priority.report_id, priority.revision, priority.severity) == ("42", 3, 3)
    assert priority.source.model_dump() == {"topic": "crime-reports", "partition": 2, "offset": 99}
    assert priority.scored_at == NOW


def test_a_priority_says_how_it_was_delivered() -> None:
    (output,) = process([filed(crime())]).outputs
    assert ("severity.delivery", b"exactly-once") in output.headers


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_a_drill_never_reaches_responders(status: str) -> None:
    records = [filed(crime(status=status)), filed(crime(report_id="2"))]
    assert [output.topic for output in process(records).outputs] == [topics.PRIORITIES_EXERCISE, topics.PRIORITIES]
    assert tally(records).drills == 1


def test_an_unreadable_report_is_a_dead_letter_and_goes_to_a_person() -> None:
    batch = process([record(b"{", b"lapd/13")])
    (letter,) = batch.dead_letters
    (output,) = batch.outputs
    priority = read(output)
    assert letter.reason == "not-json"
    assert (priority.report_id, priority.needs_human_triage, priority.severity) == ("13", True, None)
    assert priority.dead_letter is not None
    assert (priority.dead_letter.topic, priority.dead_letter.reason) == ("crime-reports.dlq", "not-json")


@pytest.mark.parametrize("key", [None, b"", b"\xff/1", b"lapd", b"LAPD/1", b"lapd/\x07"])
def test_an_unreadable_report_of_nobody_knows_whom_is_still_a_dead_letter(key: bytes | None) -> None:
    batch = process([record(b"{", key)])
    assert (len(batch.outputs), len(batch.dead_letters)) == (0, 1)


@pytest.mark.parametrize("key", [None, b"1", b"lapd-1", b"lapd/2"])
@pytest.mark.parametrize("data", [False, True])
def test_a_refused_report_whose_body_tells_whose_it_is_goes_to_a_person(key: bytes | None, data: bool) -> None:
    body: dict[str, object] = {"agency_id": "lapd", "report_id": "1", "reported_at": "2026-01-01T00:00:00Z"}
    wrong = body | {"victims": -1}
    batch = process([record(json.dumps({"type": "x", "data": wrong} if data else wrong).encode(), key)])
    assert (read(batch.outputs[0]).report_id, len(batch.dead_letters)) == ("1", 1)


@pytest.mark.parametrize(
    ("wrong", "kept"),
    [
        ({"location": {"latitude": 91, "area": "7"}}, {"location": Location(area="7")}),
        ({"victims": -1}, {}),
        ({"weapons": ["12", 7]}, {}),
        ({"urgency": "at once", "location": 3}, {}),
    ],
)
def test_a_report_with_a_wrong_optional_field_is_scored_by_the_rest_and_goes_to_a_person(
    wrong: dict, kept: dict
) -> None:
    whole = crime(incident_type="ACTSHOOT")
    body = json.dumps(whole.model_dump(mode="json") | wrong).encode()
    assessor = Assessor(Rules.load(), Schemes.load(), Policy.load(), Wording.load(), None, lambda error: None)
    batch = process([record(body)], assessor)
    (priority,), (letter,) = map(read, batch.outputs), batch.dead_letters
    assert letter.reason == "invalid"
    assert priority.severity == 5
    assert priority.needs_human_triage
    assert priority.dead_letter == DeadLetterRef(topic="crime-reports.dlq", reason="invalid")
    assert salvage(CrimeReport, body, (), frozenset()) == whole.model_copy(update=kept)


@pytest.mark.parametrize(
    "wrong", [{"revision": -1, "victims": -1}, {"reported_at": "yesterday"}, {"agency_id": "LAPD!"}]
)
def test_a_report_whose_identity_or_time_is_wrong_is_not_scored_in_part(wrong: dict) -> None:
    body = json.dumps(crime(incident_type="ACTSHOOT").model_dump(mode="json") | wrong).encode()
    (priority,) = map(read, process([record(body)]).outputs)
    assert priority.severity is None


def test_an_agency_may_not_report_on_another_ones_topic() -> None:
    batch = process(
        [
            filed(crime(), "lapd.crime-reports"),
            filed(crime(), "nypd.crime-reports"),
            record(b"{", topic="x.crime-reports"),
        ]
    )
    assert len(batch.outputs) == 1
    assert [letter.reason for letter in batch.dead_letters] == ["foreign-agency", "not-json"]


@pytest.mark.parametrize("topic", ["reports-in", "city.reports", "crime-reports"])
def test_a_topic_that_names_no_agency_is_open_to_every_one(topic: str) -> None:
    batch = process([filed(crime(), topic)])
    assert (len(batch.outputs), batch.dead_letters) == (1, [])


def test_a_report_that_nobody_can_assess_does_not_stop_the_others() -> None:
    poison = crime(report_id="poison")
    batch = process(
        [filed(crime(report_id="a")), filed(poison), filed(crime(report_id="b"))],
        Marked(fails=lambda report: report.report_id == "poison"),
    )
    answers = {priority.report_id: priority for priority in map(read, batch.outputs)}
    assert list(answers) == ["a", "poison", "b"]
    assert [answer.severity for answer in answers.values()] == [3, None, 3]
    assert [(letter.reason, letter.record.key) for letter in batch.dead_letters] == [("unscorable", b"lapd/poison")]
    assert "out of range" not in batch.dead_letters[0].detail


def test_no_batch_mixes_releases() -> None:
    releases = itertools.count(1)
    swapping = Processor(
        lambda: Marked(next(releases)),
        ledger(),
        delivery="x",
        source="s",
        doubts=BELIEVING,
        clock=lambda: NOW,
        timer=lambda: 0.0,
    )
    records = [filed(crime(report_id=str(number))) for number in range(20)]
    seen = []
    for _ in range(3):
        batch, _tally = swapping.process(records)
        seen.append({priority.model and priority.model.release for priority in map(read, batch.outputs)})
    assert seen == [{1}, {2}, {3}]


def test_a_large_batch_is_answered_as_small_ones_are_one_after_the_other() -> None:
    records = [filed(crime(report_id=str(n % 700), revision=1 + n // 900), offset=n) for n in range(2 * PART + 300)]
    records[7::97] = [record(b"no", b"lapd/r%d" % n, offset=n) for n in range(7, len(records), 97)]
    model, sets, _ = small_model()
    ref = ModelRef(name="severity", release=1, digest="0" * 64)
    by = Assessor(
        Rules.load(), Schemes.load(), Policy.load(), Wording.load(), Release(model.compile(), sets, ref), print
    )
    whole, counted = processor(by, ledger(5000)).process(records)
    known, outputs, letters = ledger(5000), list[Outgoing](), list[DeadLetter]()
    for start in range(0, len(records), 50):
        batch, tallied = processor(by, known).process(records[start : start + 50])
        known.learn(tallied.lesson, {})
        outputs += batch.outputs
        letters += batch.dead_letters
    assert whole == Batch(outputs, letters)
    assert counted.dropped.total() == len(records) - len(outputs) > 0
    assert counted.replaced > 0


def test_the_tally_counts_what_left_and_what_the_contract_does_not_know() -> None:
    odd = json.loads(crime().model_dump_json()) | {"narrative": "x", "officer": "y"}
    counted = tally([record(json.dumps(odd).encode()), record(None, b"lapd/2"), filed(crime(status="Test"))])
    assert (counted.records, counted.unknown_fields, counted.human_triage, counted.drills) == (3, 2, 1, 1)
    assert counted.priorities == {(3, "model"): 2, (None, "fallback"): 1}
    assert counted.stage_seconds.keys() == {"decode", "order", "encode"}


def test_the_same_record_gives_the_same_priority_again() -> None:
    records = [filed(crime()), record(b"no", b"lapd/9")]
    assert process(records) == process(records)


anything = st.none() | st.binary(max_size=200)
header = st.tuples(st.sampled_from(["ce_type", "content-type", "x"]), st.binary(max_size=40))
garbage = st.builds(
    record,
    anything,
    anything | st.sampled_from([b"lapd/1", b"a/b/c", b"/", b"lapd/"]),
    st.lists(header, max_size=3),
    st.sampled_from(["crime-reports", "lapd.crime-reports", "crime-reports.crime-reports"]),
)
structured = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CrimeReport.model_fields]), inner),
    max_leaves=8,
).map(lambda value: record(json.dumps(value).encode(), headers=[("content-type", b"application/json")]))
mutilated = st.tuples(reports, st.integers(0, 400), st.binary(max_size=5)).map(
    lambda parts: record(parts[0].model_dump_json().encode()[: parts[1]] + parts[2], parts[0].key)
)


@given(st.lists(garbage | structured | mutilated | reports.map(filed), min_size=1, max_size=12))
def test_no_record_makes_it_raise_and_each_is_answered_or_set_aside_or_old(records: list[Record]) -> None:
    records = [item._replace(offset=offset) for offset, item in enumerate(records)]
    batch, counted = processor().process(records)
    answers = {priority.source.offset: priority for priority in map(read, batch.outputs)}
    set_aside = [letter.record.offset for letter in batch.dead_letters]
    old = {*range(len(records))} - {*answers, *set_aside}
    assert len(old) <= counted.dropped.total()
    for offset in old:
        report = decode(CrimeReport, records[offset].key, records[offset].value, records[offset].headers)
        before = [answers[place] for place in answers if place < offset and answers[place].key == report.key]
        assert any(priority.revision >= report.revision for priority in before)
    assert [*answers] == sorted(answers)
    assert set_aside == sorted(set(set_aside))
