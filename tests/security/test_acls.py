"""Each principal is refused what is not its own, by trying; `test_services` tries what is."""

import json

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from cli.main import app
from schemas import topics
from tests.security.conftest import AGENCIES, Guarded, apply_acls
from transport import dead_letters
from transport.acls import Grant, Kind, allow
from transport.errors import LoopFailed, NoBroker
from transport.local_security import ADMIN
from transport.office import FencingSender
from transport.reader import Reader
from transport.settings import admin_properties, consumer_properties
from transport.topics import TopicSpec, create_topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

ALL = tuple(topic.name for topic in topics.all_topics(agencies=AGENCIES))

WRITES = {
    "cad-lakeside": {"lakeside.crime-reports"},
    "cad-rivertown": {"rivertown.crime-reports"},
    "records-lakeside": {"lakeside.solved-cases"},
    "records-rivertown": {"rivertown.solved-cases"},
    "scorer": {
        "priorities", "priorities-exercise", "model-status", "lakeside.crime-reports.dlq", "rivertown.crime-reports.dlq"
    },
    "trainer": {"model-versions", "audit-requests", "lakeside.solved-cases.dlq", "rivertown.solved-cases.dlq"},
    "responder": set(),
    "operator": set(),
    "stranger": set(),
}  # fmt: skip

READS = {
    "cad-lakeside": set(),
    "records-lakeside": {"audit-requests"},
    "scorer": {
        "lakeside.crime-reports", "rivertown.crime-reports", "model-versions", "model-status", "priorities",
        "priorities-exercise",
    },
    "trainer": {
        "lakeside.crime-reports", "rivertown.crime-reports", "lakeside.solved-cases", "rivertown.solved-cases",
        "model-versions", "model-status", "priorities",
    },
    "responder": {"priorities", "priorities-exercise"},
    "operator": set(ALL),
    "stranger": set(),
}  # fmt: skip


@pytest.mark.parametrize("user", WRITES)
def test_each_may_write_its_own_topics_and_no_other(guarded: Guarded, user: str) -> None:
    """Tried in a transaction-less producer without idempotence, which asks for nothing but the topic."""
    refused: dict[str, str] = {}
    properties = {**admin_properties(guarded.as_user(user)), "message.timeout.ms": 10_000}
    producer = Producer(properties)

    def delivered(error: KafkaError | None, message: Message) -> None:
        name = str(message.topic())
        refused[name] = error.name() if error else ""

    for topic in ALL:
        producer.produce(topic, key=b"-", value=b"tried by test_acls", on_delivery=delivered)
    assert producer.flush(20) == 0, refused
    assert {topic for topic in ALL if not refused[topic]} == WRITES[user], refused
    assert {reason for reason in refused.values() if reason} <= {"TOPIC_AUTHORIZATION_FAILED"}


@pytest.mark.parametrize("user", READS)
def test_each_sees_the_topics_that_it_reads_or_writes_and_no_other(guarded: Guarded, user: str) -> None:
    with AdminClient(admin_properties(guarded.as_user(user))) as admin:
        seen = set(admin.list_topics(timeout=10).topics)
    assert seen == READS[user] | WRITES[user]


@pytest.mark.parametrize(
    ("user", "topic"), [("scorer", "lakeside.crime-reports.dlq"), ("cad-lakeside", "lakeside.crime-reports")]
)
def test_who_may_write_a_topic_may_not_read_it_and_is_told_so(guarded: Guarded, user: str, topic: str) -> None:
    with Reader(guarded.as_user(user), [topic]) as reader, pytest.raises(LoopFailed, match=f"not-allowed: .*{topic}"):
        # It may first be told of its group, which is not its own either.
        any(reader.read(1, 0.2) for _ in range(100))


def test_a_group_and_a_transactional_id_are_their_services_own(guarded: Guarded) -> None:
    with pytest.raises(KafkaException) as refused:
        FencingSender(guarded.as_user("cad-lakeside"), "severity-scorer-0-0")
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    consumer = Consumer({**consumer_properties(guarded.as_user("responder", "severity-scorer"))})
    try:
        consumer.subscribe([topics.PRIORITIES])
        message = consumer.poll(10)
        assert message is not None
        error = message.error()
        assert error is not None
        assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    finally:
        consumer.close()


@pytest.mark.parametrize("user", ["scorer", "trainer", "cad-lakeside", "operator"])
def test_nobody_but_the_administrator_makes_topics_or_allows_anything(guarded: Guarded, user: str) -> None:
    with pytest.raises(NoBroker, match="uthorization failed"):
        create_topics(guarded.as_user(user), [TopicSpec("mine")])
    with pytest.raises(NoBroker, match="CLUSTER_AUTHORIZATION_FAILED"):
        allow(guarded.as_user(user), [Grant(user, Kind.TOPIC, topics.MODEL_VERSIONS, "WRITE")])


def test_what_is_allowed_beyond_the_list_is_told_and_taken_away(guarded: Guarded) -> None:
    extra = [
        Grant("responder", Kind.TOPIC, topics.PRIORITIES, "WRITE"),
        Grant("*", Kind.TOPIC, "rivertown.", "READ", prefixed=True),
    ]
    allow(guarded.as_user(ADMIN), extra)
    said = apply_acls(guarded, code=1)
    assert "surplus  responder: WRITE topic priorities\n" in said
    assert "surplus  *: READ topic rivertown.…\n" in said
    assert said.endswith("0 allowed, 2 surplus\n")
    assert apply_acls(guarded, "--revoke").endswith("0 allowed, 2 revoked\n")
    assert apply_acls(guarded) == "0 allowed, 0 surplus\n"


def test_the_operator_may_have_the_cluster_examined(guarded: Guarded) -> None:
    arguments = ["doctor", "--json", *(word for agency in AGENCIES for word in ("--agency", agency))]
    done = CliRunner().invoke(app, arguments, env=guarded.environment("operator"))
    assert "uthorization" not in done.output
    told = {each["check"]: each["state"] for each in json.loads(done.output)}
    assert told["ACLs"] == "ok"


def test_who_redrives_may_do_so_only_while_it_is_asked_for(guarded: Guarded) -> None:
    assert "allowed  redriver: WRITE topic lakeside.crime-reports\n" in apply_acls(guarded, "--redrive")
    assert dead_letters.redrive(guarded.as_user("redriver", "redriver"), [r"^.*\.dlq$"], lambda _: False).sent == []
    assert "revoked  redriver: WRITE topic lakeside.crime-reports\n" in apply_acls(guarded, "--revoke")
    with pytest.raises(KafkaException):
        dead_letters.redrive(guarded.as_user("redriver", "redriver"), [r"^.*\.dlq$"], lambda _: False)


@pytest.mark.parametrize("wrong", [["--agency", "Not An Agency"], ["--principal", "king=x"], ["--principal", "cad"]])
def test_a_role_or_an_agency_that_is_none_is_refused(wrong: list[str]) -> None:
    done = CliRunner().invoke(app, ["acls", "show", *wrong])
    assert done.exit_code == 2
    assert wrong[0] in done.output
