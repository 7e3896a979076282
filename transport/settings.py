"""How to reach Kafka, and the librdkafka properties that follow from it, each with its reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from transport.bounds import Bounds
from transport.secret_files import read_secret

Properties = dict[str, str | int | float | bool]

PROTECTED: Final = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "isolation.level",
        "partitioner",
        "transactional.id",
    }
)
"""Properties that carry a promise of ours, which `client` may not change."""


TRANSACTION_SECONDS: Final = 5.0
"""A worker that dies holds read_committed readers at its open transaction for this long (default: a minute)."""

SECRET: Final = frozenset(
    {
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
    }
)
"""Properties that `client` may not hold: an environment is read by whoever may look at the process, and printed."""


class KafkaSettings(BaseSettings):
    """Read from `SEVERITY_KAFKA__*`; every service holds one in a field `kafka`."""

    model_config = SettingsConfigDict(
        env_prefix="SEVERITY_KAFKA__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    bootstrap_servers: str = Field("localhost:9092", description="Where Kafka is, as host:port, comma-separated.")
    group_id: str = Field("severity", min_length=1, description="Consumer group; each service sets its own.")
    slot: str = Field(
        "0",
        min_length=1,
        description="Name of this worker within its group, the same after a restart (a stateful set's ordinal): it"
        " makes the transactional ids, so that a restarted worker fences what it left open. Two workers with one slot"
        " fence each other.",
    )
    delivery: Literal["exactly-once", "at-least-once"] = Field(
        "exactly-once", description="At least once is for brokers without transactions."
    )
    max_batch: int = Field(5000, ge=1, description="Most records in one transaction.")
    max_batch_bytes: int = Field(
        16_000_000, ge=1, description="Most bytes of keys and values that are read for one transaction."
    )
    max_batch_seconds: float = Field(
        0.5, gt=0, lt=5, description="Longest that a transaction's records should take to be handled and published."
    )
    fresh_first: int = Field(
        5000,
        ge=0,
        description="Where more records than this wait in a partition that comes to a worker, what is written from then"
        " on is read in turn with them; 0: never.",
    )
    embedded: bool = Field(False, description="The broker is the demo's own; it has no transactions.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="SSL: TLS, and this client's certificate where one is set. SASL_SSL: TLS, and SCRAM by name and"
        " password.",
    )
    ssl_ca: Path | None = Field(
        None, description="PEM file of the authorities whose brokers are believed; unset: those that the system trusts."
    )
    ssl_certificate: Path | None = Field(None, description="PEM file of this client's certificate and its chain.")
    ssl_key: Path | None = Field(None, description="PEM file of that certificate's private key.")
    ssl_key_password_file: Path | None = Field(None, description="File with the key's password, where it has one.")
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is proved without being sent."
    )
    sasl_username: str | None = Field(None, min_length=1, description="Principal of this service; each has its own.")
    sasl_password_file: Path | None = Field(
        None, description="File with its password; read anew for each client that is made."
    )
    client: Mapping[str, str] = Field(
        default_factory=dict,
        description="librdkafka properties passed through, for tuning and other ways of security, as JSON: "
        '{"client.rack": "east", ...}. No secrets: they come from files.',
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.embedded and self.delivery == "exactly-once":
            raise ValueError("the embedded broker has no transactions: set delivery to at-least-once")
        if refused := sorted(PROTECTED & self.client.keys()):
            raise ValueError(f"client may not set {', '.join(refused)}: a promise of ours depends on it")
        if refused := sorted(SECRET & self.client.keys()):
            raise ValueError(
                f"client may not hold {', '.join(refused)}: put it into a file, and set what names the file"
            )
        if self.security_protocol == "SASL_SSL" and not (self.sasl_username and self.sasl_password_file):
            raise ValueError("SASL_SSL needs sasl_username and sasl_password_file")
        if self.security_protocol != "SASL_SSL" and (self.sasl_username or self.sasl_password_file):
            raise ValueError("a name and a password need TLS: set security_protocol to SASL_SSL")
        if bool(self.ssl_certificate) != bool(self.ssl_key):
            raise ValueError("ssl_certificate and ssl_key belong together: set both or none")
        return self

    @property
    def bounds(self) -> Bounds:
        """How large a batch may be."""
        return Bounds(self.max_batch, self.max_batch_bytes, self.max_batch_seconds)

    def for_group(self, group_id: str) -> "KafkaSettings":
        """The same with another consumer group."""
        return self.model_copy(update={"group_id": group_id})


def admin_properties(settings: KafkaSettings) -> Properties:
    """For a client that makes topics."""
    return {**_common(settings), **settings.client}


def _security(settings: KafkaSettings) -> Properties:
    if settings.security_protocol == "PLAINTEXT":
        return {}
    properties: Properties = {"security.protocol": settings.security_protocol}
    if settings.ssl_ca:
        properties["ssl.ca.location"] = str(settings.ssl_ca)
    if settings.ssl_certificate:
        properties["ssl.certificate.location"] = str(settings.ssl_certificate)
        properties["ssl.key.location"] = str(settings.ssl_key)
    if settings.ssl_key_password_file:
        properties["ssl.key.password"] = read_secret(settings.ssl_key_password_file)
    if settings.sasl_username and settings.sasl_password_file:
        properties["sasl.mechanism"] = settings.sasl_mechanism
        properties["sasl.username"] = settings.sasl_username
        properties["sasl.password"] = read_secret(settings.sasl_password_file)
    return properties


def _common(settings: KafkaSettings) -> Properties:
    return {
        **_security(settings),
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": f"{settings.group_id}-{settings.slot}",
        # New topics that a pattern matches, and new partitions, are seen within this time; the default is 5 minutes.
        "topic.metadata.refresh.interval.ms": 10_000,
        # A broker that comes back is found again quickly; the defaults of .1 and 10 s let a worker lie idle.
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        # Fewer packets held back for an acknowledgement: Nagle's algorithm costs up to 40 ms.
        "socket.nagle.disable": True,
    }


def _reading(settings: KafkaSettings) -> Properties:
    properties: Properties = {
        # Never what a transaction left behind: not the default of Java's client, so it is said.
        "isolation.level": "read_committed",
        # A first start reads everything; a report that waited while nobody listened is still a report.
        "auto.offset.reset": "earliest",
        # Offsets are ours to commit, with the outputs.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # After a full local queue, fetch again after 10 ms, not 1 s.
        "fetch.queue.backoff.ms": 10,
        # Enough for several large batches, while memory stays bounded.
        "queued.min.messages": 20_000,
    }
    if settings.embedded:
        # Its fetches do not wake on new data: this is the latency, at the price of empty round trips.
        properties["fetch.wait.max.ms"] = 1
    return properties


def consumer_properties(settings: KafkaSettings) -> Properties:
    """For a member of the group that the loop reads with."""
    at_least_once: Properties = {
        # Offsets are stored once their outputs are delivered; librdkafka commits what is stored, also when a
        # partition is revoked and at the end. What a killed worker repeats is bounded by this interval.
        "enable.auto.commit": True,
        "auto.commit.interval.ms": 200,
    }
    group: Properties = {
        # Partitions that stay with their worker go on being read while others move.
        "partition.assignment.strategy": "cooperative-sticky",
        # A dead worker's partitions are read by another after 6 s, the least that a broker allows by default. The
        # embedded one makes a member wait for its predecessor's session less 1 s even when that has left.
        "session.timeout.ms": 3_000 if settings.embedded else 6_000,
        "heartbeat.interval.ms": 1_000,
    }
    if settings.client.get("group.protocol") == "consumer":
        group = {}  # the broker's to say (KIP-848)
    return {
        **_common(settings),
        **_reading(settings),
        "group.id": settings.group_id,
        **group,
        **(at_least_once if settings.delivery == "at-least-once" else {}),
        **settings.client,
    }


def reader_properties(settings: KafkaSettings) -> Properties:
    """For a reader without a group, which has its places from its caller and tells the end of a partition."""
    return {
        **_common(settings),
        **_reading(settings),
        "group.id": f"{settings.group_id}-reader",  # librdkafka wants one; nothing is ever committed to it
        "enable.partition.eof": True,
        **settings.client,
    }


def producer_properties(settings: KafkaSettings) -> Properties:
    """For a plain producer: idempotent, so that a retry is not written twice, and in order."""
    return {
        **_common(settings),
        "enable.idempotence": True,
        "acks": "all",
        # Java's partitioner, so that all writers put one key into one partition; librdkafka's own default differs.
        "partitioner": "murmur2_random",
        # Messages produced in one go leave in one request; a flush does not wait for it.
        "linger.ms": 1,
        # A little less than a topic takes by default (1,048,588 with what a batch adds), so that the client refuses
        # what is too large before it is sent: a broker's refusal leaves gaps in the sequence of what is under way, for
        # which the next transactions are aborted, too. Topics with another limit: say it in `client`.
        "message.max.bytes": 1_048_000,
        # Only failures are reported to Python, one call a message being dear.
        "delivery.report.only.error": True,
        **settings.client,
    }


def transactional_properties(settings: KafkaSettings, member: int) -> Properties:
    """For one member of the ring of transactional producers."""
    return {
        **producer_properties(settings),
        "transactional.id": f"{settings.group_id}-{settings.slot}-{member}",
        "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
        # A transaction's first request waits for the last one's markers by trying again: with the default of 100 ms a
        # transaction a batch takes p50 165 ms.
        "retry.backoff.ms": 1,
        "retry.backoff.max.ms": 2,
        # Else librdkafka forgets its brokers each time that none answers, and sending offsets may then wait for ever
        # for a forgotten one, whatever its timeout (its issues 5511 and 5456; `transport.calls` is for what is left
        # of that). A cluster that moves to other addresses altogether is found by the restart after the failure.
        "metadata.recovery.strategy": "none",
        # While the group's coordinator moves to another broker, the client looks for it again only when one of its
        # connections changes, and else never: closing those that have nothing to say for 2 s sees to that. After as
        # long a pause the next transaction opens them anew, which costs some milliseconds.
        "connections.max.idle.ms": 2_000,
        **settings.client,
    }
