"""A guarded broker with topics, users and ACLs, for two agencies that share it; a new one for each file of tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.topics import topic_specs
from tests.conftest import absent
from tests.security.authority import Authority
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka
from transport.local_security import ADMIN, LocalSecurity
from transport.settings import KafkaSettings

AGENCIES = ("lakeside", "rivertown")
USERS = (ADMIN, "scorer", "trainer", "responder", "operator", "redriver", "stranger")
USERS += tuple(f"{role}-{agency}" for role in ("cad", "records") for agency in AGENCIES)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A cluster whose users have their own passwords; `secrets`: all of these."""

    servers: str
    security: LocalSecurity
    secrets: frozenset[str]

    def as_user(self, user: str, group: str = "severity") -> KafkaSettings:
        return self.security.settings(self.servers, group, user)

    def environment(self, user: str) -> dict[str, str]:
        """For a process of this user."""
        return {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "SEVERITY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "SEVERITY_KAFKA__SSL_CA": str(self.security.authority),
            "SEVERITY_KAFKA__SASL_USERNAME": user,
            "SEVERITY_KAFKA__SASL_PASSWORD_FILE": str(self.security.passwords[user]),
        }


def passwords(folder: Path) -> dict[str, Path]:
    """A file for each user, with a password that is found wherever it is printed."""
    files = {user: folder / f"{user}.password" for user in USERS}
    for user, file in files.items():
        file.write_text(f"marker-of-{user}-xK7\n")
    return files


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder)
    security = LocalSecurity(authority.server("broker"), authority.file, passwords(folder))
    try:
        broker = LocalKafka(topics=topic_specs(2, agencies=AGENCIES), security=security, heap_mb=384)
        with broker:
            secrets = frozenset(file.read_text().strip() for file in security.passwords.values())
            made = Guarded(broker.bootstrap_servers, security, secrets)
            said = apply_acls(made)
            assert said.startswith("allowed  cad-lakeside: WRITE topic lakeside.crime-reports\n")
            assert said.endswith(" allowed, 0 surplus\n")
            yield made
    except NoBroker as error:
        absent(f"a guarded Kafka: {error}")


def apply_acls(guarded: Guarded, *options: str, code: int = 0) -> str:
    """`severity acls apply`, as the administrator; what it says."""
    arguments = ["acls", "apply", *options]
    for agency in AGENCIES:
        arguments += ["--agency", agency]
    done = CliRunner().invoke(app, arguments, env=guarded.environment(ADMIN))
    assert done.exit_code == code, done.output
    return done.output
