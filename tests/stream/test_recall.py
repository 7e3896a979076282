"""What a scorer finds out about what has been published."""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from cli.topics import topic_specs
from schemas import topics
from schemas.envelope import encode
from schemas.priority import DeadLetterRef, Previous, Priority, Reason, SourcePosition
from stream import recall as module
from stream.agencies import MARKED
from stream.ledger import Ledger, Lesson, Turned
from stream.recall import Recall, found_in
from stream.revisions import Decision, name_of
from tests.strategies import priorities
from tests.stream.standin import NOW, Marked, ledger
from tests.stream.test_processor import crime
from transport.embedded import EmbeddedBroker
from transport.observer import Observer
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings, transactional_properties
from transport.topics import create_topics

LIST_OFFSETS = 2
NOT_ALLOWED = 29
structure = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Priority.model_fields]), inner),
    max_leaves=12,
)


def record(value: bytes | None, offset: int = 0) -> Record:
    return Record(topics.PRIORITIES, 0, offset, b"", value, (), 1000 + offset)


@given(priorities)
def test_of_a_priority_it_finds_all_that_is_to_be_remembered(priority: Priority) -> None:
    found = found_in(record(priority.model_dump_json().encode(), 5))
    assert found is not None
    decision = Decision(priority.revision, priority.severity, priority.priority, priority.decided_by)
    assert (found.name, found.decision) == (
        (name_of(priority.key, priority.status), decision) if priority.revision else (None, None)
    )
    assert (found.source, found.offset) == ((priority.source.topic, priority.source.partition), priority.source.offset)
    assert (found.agency, found.bad, found.published_ms) == (priority.agency_id, priority.dead_letter is not None, 1005)
    assert found.marked == any(reason.code == MARKED for reason in priority.reasons)


@given(st.none() | st.binary(max_size=200) | structure.map(lambda value: json.dumps(value).encode()))
def test_whatever_else_lies_there_is_passed_over(value: bytes | None) -> None:
    assert found_in(record(value)) is None


@given(
    priorities, st.sampled_from(["revision", "severity", "priority", "decided_by", "agency_id", "source"]), structure
)
def test_what_it_finds_can_always_be_published_as_previous(priority: Priority, field: str, wrong: object) -> None:
    body = json.loads(priority.model_dump_json()) | {field: wrong}
    found = found_in(record(json.dumps(body).encode()))
    if found and found.decision:
        Previous(**found.decision._asdict())


def made(kafka: KafkaSettings, known: Ledger, incomplete: list[str], turned: list[Turned] | None = None) -> Recall:
    return Recall(
        kafka,
        known,
        1000,
        Observer(),
        alive=lambda: None,
        incomplete=lambda: incomplete.append("incomplete"),
        turned=(turned if turned is not None else []).append,
    )


def priority(report_id: str, revision: int = 1, **changes: object) -> Priority:
    position = SourcePosition(topic="crime-reports", partition=0, offset=int(report_id) % 2**31)
    (scored,) = Marked().assess([crime(report_id=report_id, revision=revision)], [position], NOW)
    return scored.model_copy(update=changes)


def publish(kafka: KafkaSettings, *answers: Priority) -> None:
    with Sender(kafka) as sender:
        for answer in answers:
            sender.send(topics.PRIORITIES, *encode(answer, source="s", time=NOW))


def test_it_reads_on_where_it_ended_and_tells_which_agencies_turned(broker: EmbeddedBroker) -> None:
    kafka, known, incomplete = broker.settings(), ledger(), list[str]()
    turned: list[Turned] = []
    recall = made(kafka, known, incomplete, turned)
    publish(kafka, priority("1"), priority("2", 3))
    recall()
    assert [known.last(b"lapd/1"), known.last(b"lapd/2")] == [
        Decision(1, 3, "P2", "model"),
        Decision(3, 3, "P2", "model"),
    ]
    publish(kafka, priority("1", 2), priority("3", reasons=(Reason(code=MARKED, text="x"),)))
    recall()
    assert known.last(b"lapd/1") == Decision(2, 3, "P2", "model")
    letter = DeadLetterRef(topic="crime-reports.dlq", reason="not-json")
    publish(kafka, *(priority(str(number), dead_letter=letter) for number in range(10, 30)))
    recall()
    assert (incomplete, known.marked) == ([], {"lapd"})
    assert [(one.bad, one.good) for one in turned] == [(set(), set()), ({"lapd"}, set()), (set(), set())]


def test_when_publications_were_undone_it_forgets_what_is_not_there(broker: EmbeddedBroker) -> None:
    known = ledger()
    recall = made(broker.settings(), known, [], [])
    publish(broker.settings(), priority("1"))
    recall()
    known.learn(Lesson(decisions={b"lapd/2": Decision(1, 3, "P2", "model")}), {})  # acknowledged, and then undone
    recall.afresh()
    assert known.last(b"lapd/1") is known.last(b"lapd/2") is None
    recall()
    assert known.last(b"lapd/1") == Decision(1, 3, "P2", "model")
    assert known.last(b"lapd/2") is None


@contextmanager
def kept_up(recall: Recall, behind: bool = False) -> Iterator[None]:
    stopped = threading.Event()
    thread = threading.Thread(target=recall.keep_up, args=(stopped, lambda: behind))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def recalled(caplog: pytest.LogCaptureFixture) -> list[int]:
    """How many priorities were read each time that the loop waited for it."""
    return [int(found[1]) for line in caplog.messages if (found := re.match(r"(\d+) published", line))]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_UP_SECONDS", 0.05)
    monkeypatch.setattr(module, "SOME", 2)


@pytest.mark.usefixtures("soon")
def test_what_was_read_aside_is_taken_in_by_and_by_and_need_not_be_read_when_partitions_come(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    known, incomplete = ledger(), list[str]()
    recall = made(broker.settings(), known, incomplete)
    recall()
    publish(broker.settings(), *(priority(str(number)) for number in range(1, 6)))
    with kept_up(recall):
        deadline = time.monotonic() + 30
        while known.last(b"lapd/1") is None and time.monotonic() < deadline:
            time.sleep(0.01)  # the loop's place: it comes by between two batches
            recall.take_in()
    assert known.last(b"lapd/2") is not None
    assert known.last(b"lapd/3") is None, "no batch waits for more than some"
    publish(broker.settings(), priority("6"))
    recall()
    assert [known.last(b"lapd/%d" % number) is not None for number in range(1, 7)] == [True] * 6
    assert (recalled(caplog), incomplete) == ([0, 1], [])


@pytest.mark.usefixtures("soon")
def test_nothing_is_read_aside_while_much_waits(broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    known = ledger()
    recall = made(broker.settings(), known, [])
    publish(broker.settings(), priority("1"))
    with kept_up(recall, behind=True):
        time.sleep(1.0)  # twenty times as long as until it is read where nothing waits
        recall.take_in()
    assert known.last(b"lapd/1") is None
    recall()
    assert recalled(caplog) == [1]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("meanwhile", "again"), [(Recall.__call__, 0), (Recall.afresh, 1)])
def test_what_is_being_read_aside_is_let_go_when_the_loop_reads_on_itself_or_forgets(
    broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    meanwhile: Callable[[Recall], None],
    again: int,
) -> None:
    known, stopped, read = ledger(), threading.Event(), Recall._read
    recall = made(broker.settings(), known, [])
    publish(broker.settings(), priority("1"))

    def interrupted(self: Recall, *arguments: Any, wait: bool) -> Any:
        got = read(self, *arguments, wait=wait)
        if not wait:
            meanwhile(self)
            stopped.set()
        return got

    monkeypatch.setattr(Recall, "_read", interrupted)
    recall.keep_up(stopped, lambda: False)
    recall.take_in()
    caplog.set_level("INFO")
    recall()
    assert known.last(b"lapd/1") == Decision(1, 3, "P2", "model")
    assert recalled(caplog) == [again]


def test_an_end_that_cannot_be_read_is_counted_and_does_not_stop_the_scorer(broker: EmbeddedBroker) -> None:
    incomplete: list[str] = []
    broker.fail_requests(LIST_OFFSETS, [NOT_ALLOWED] * 20)
    made(broker.settings(), ledger(), incomplete)()
    assert incomplete == ["incomplete"]


@pytest.fixture
def report_id() -> str:
    """Of no other test: the broker is shared."""
    return str(uuid.uuid4().int)


@pytest.fixture
def dying(kafka: str, report_id: str) -> Iterator[tuple[KafkaSettings, Producer]]:
    """A worker's producer that has written two priorities and has not committed them."""
    settings = KafkaSettings(bootstrap_servers=kafka, group_id="test-recall")
    create_topics(settings, topic_specs())
    producer = Producer(transactional_properties(settings, 0))
    producer.init_transactions(30)
    producer.begin_transaction()
    for answer in (priority("7001"), priority(report_id, 2)):
        key, value, headers = encode(answer, source="s", time=NOW)
        producer.produce(topics.PRIORITIES, value, key, headers=list(headers))
    producer.flush()
    yield settings, producer
    producer.abort_transaction(30)


@pytest.mark.kafka
def test_it_waits_for_what_is_written_and_not_yet_committed(
    dying: tuple[KafkaSettings, Producer], report_id: str
) -> None:
    settings, producer = dying
    known, incomplete = ledger(), list[str]()
    committing = threading.Timer(1.0, producer.commit_transaction, [30])
    committing.start()
    made(settings, known, incomplete)()
    committing.join()
    producer.begin_transaction()
    assert incomplete == []
    assert known.last(f"lapd/{report_id}".encode()) == Decision(2, 3, "P2", "model")


@pytest.mark.kafka
def test_it_does_not_wait_for_ever_nor_ahead_of_its_time(
    dying: tuple[KafkaSettings, Producer], report_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = dying
    known, incomplete = ledger(), list[str]()
    publish(settings, priority("7003"))
    recall = made(settings, known, incomplete)
    began = time.monotonic()
    recall.ahead()
    assert time.monotonic() - began < module.PATIENCE_SECONDS
    assert incomplete == []
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)
    recall()
    assert incomplete == ["incomplete"]
    assert known.last(f"lapd/{report_id}".encode()) is None
