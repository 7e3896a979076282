"""A broker that asks for certificates: who has one of its authority gets in, and may do what its name may."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.security.authority import Authority
from tests.stream.running import read_until
from transport.acls import Grant, Kind, allow
from transport.errors import NoBroker, NotDelivered
from transport.local_kafka import LocalKafka
from transport.local_security import ADMIN, LocalCertificates
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

TOPIC = "crime-reports"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(authority: Authority) -> Iterator[LocalKafka]:
    clients = {name: authority.client(name) for name in (ADMIN, "cad", "stranger")}
    security = LocalCertificates(authority.server("broker"), authority.file, clients)
    try:
        with LocalKafka(topics=[TopicSpec(TOPIC)], security=security, heap_mb=256) as started:
            allow(started.settings(), [Grant("CN=cad", Kind.TOPIC, TOPIC, "WRITE")])
            yield started
    except NoBroker as error:
        absent(f"a guarded Kafka: {error}")


def as_user(broker: LocalKafka, certificate: Path | None) -> KafkaSettings:
    return broker.settings().model_copy(update={"ssl_certificate": certificate, "ssl_key": certificate})


def send(kafka: KafkaSettings, key: bytes) -> None:
    with Sender(kafka) as sender:
        sender.send(TOPIC, key, b"x")


def test_a_client_with_a_certificate_of_the_authority_gets_in_and_may_what_its_name_may(
    broker: LocalKafka, authority: Authority
) -> None:
    send(as_user(broker, authority.client("cad")), b"of the allowed one")
    with pytest.raises(NotDelivered, match="TOPIC_AUTHORIZATION_FAILED"):
        send(as_user(broker, authority.client("stranger")), b"of one whom nobody allowed anything")
    with Reader(broker.settings(), [TOPIC]) as reader:
        records = read_until(reader, lambda _: reader.caught_up)
    assert [record.key for record in records] == [b"of the allowed one"]


def test_a_client_without_one_does_not_get_in(broker: LocalKafka) -> None:
    with pytest.raises(NoBroker, match=r"refuses this client: .*certificate"), Reader(as_user(broker, None), [TOPIC]):
        pass
    nobody = as_user(broker, None).model_copy(update={"client": {"message.timeout.ms": "3000"}})
    with pytest.raises(NotDelivered):
        send(nobody, b"of nobody")


def test_a_certificate_that_another_authority_gave_to_the_same_name_does_not_get_in(
    broker: LocalKafka, tmp_path: Path
) -> None:
    forged = as_user(broker, Authority(tmp_path).client(ADMIN))
    with pytest.raises(NoBroker, match="refuses this client: "), Reader(forged, [TOPIC]):
        pass
