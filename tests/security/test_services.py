"""The services do all their work under their own ACLs, on a guarded broker; one agency cannot speak for another; and no
secret is ever told."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from severity.artefact.keys import new_pair
from stream.worker import OUTPUTS
from telemetry.access import Access
from tests.security.authority import Authority
from tests.security.conftest import Guarded
from tests.security.services import SECONDS, Service, service
from tests.stream.running import read_until
from transport.observer import Observer
from transport.office import FencingSender
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.source import GroupSource
from transport.transactions import Transactions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

NOW = datetime.now(UTC).replace(microsecond=0)
EACH = 20
AUDIT_KEY, SCRAPE = "marker-of-audit-xK7", "marker-of-scrape-xK7"


def report(agency: str, number: str) -> CrimeReport:
    return CrimeReport(agency_id=agency, report_id=number, reported_at=NOW, incident_type="ROBBERY", weapons=("12",))


def outcome(agency: str, number: str) -> SolvedCase:
    return SolvedCase.model_validate(
        {"agency_id": agency, "report_id": number, "sequence": 1, "case_status": "CLEARED BY ARREST",
         "basis": "solved", "closed_at": NOW, "offences": [{"nibrs_code": "120"}]}
    )  # fmt: skip


def send(settings: KafkaSettings, topic: str, *events: CrimeReport | SolvedCase) -> None:
    with Sender(settings) as sender:
        for event in events:
            sender.send(topic, *encode(event, source="test", time=NOW))


def speak_for(other: str, settings: KafkaSettings, topic: str, event: CrimeReport | SolvedCase) -> None:
    """What one writer could try in another agency's name: an event that names it, and an unreadable one by its key."""
    send(settings, topic, event)
    with Sender(settings) as sender:
        sender.send(topic, f"{other}/spoofed".encode(), b"not json")


def announcement() -> ModelVersion:
    return ModelVersion.model_validate(
        {"name": "severity", "release": 7, "role": "champion", "digest": "0" * 64, "location": "releases/x",
         "rows": 1, "metrics": {}, "verdict": "made up",
         "created_at": NOW, "expires_at": NOW + timedelta(days=1), "key_id": "none", "signature": "A" * 86 + "=="}
    )  # fmt: skip


def reasons(letters: list[Record]) -> Counter[tuple[str, str]]:
    return Counter((letter.topic, dict(letter.headers)["severity.error.reason"].decode()) for letter in letters)


def count(wanted: int) -> Callable[[list[Record]], bool]:
    return lambda records: len(records) >= wanted


def test_everything_needed_is_allowed_no_agency_speaks_for_another_and_no_secret_is_told(
    guarded: Guarded, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "port")
    certificate = authority.server("port")
    (tmp_path / "scrape").write_text(SCRAPE)
    audit_key = tmp_path / "audit.key"
    audit_key.write_text(AUDIT_KEY)
    access = Access(certificate, certificate, "prometheus", tmp_path / "scrape")
    new_pair(tmp_path / "keys")
    running: list[Service] = []
    with ExitStack() as stack:

        def start(name: str, **more: str) -> Service:
            environment = {**guarded.environment(name), **more}
            made = stack.enter_context(service(name, environment, tmp_path, authority.file, access))
            running.append(made)
            return made

        def reader(user: str, *names: str) -> Reader:
            return stack.enter_context(Reader(guarded.as_user(user, user), names))

        scorer = start("scorer", SEVERITY_SCORER__MODEL_WAIT_SECONDS="0")
        trainer = start("trainer", SEVERITY_TRAINER__AUDIT_RATE="1", SEVERITY_TRAINER__AUDIT_KEY_FILE=str(audit_key))
        ports = [scorer.ready(), trainer.ready()]
        for agency, other in (("lakeside", "rivertown"), ("rivertown", "lakeside")):
            numbers = [str(number) for number in range(EACH)]
            cad, records = guarded.as_user(f"cad-{agency}"), guarded.as_user(f"records-{agency}", f"records-{agency}")
            send(cad, f"{agency}.crime-reports", *(report(agency, number) for number in numbers))
            speak_for(other, cad, f"{agency}.crime-reports", report(other, "spoofed"))
            send(records, f"{agency}.solved-cases", *(outcome(agency, number) for number in numbers))
            speak_for(other, records, f"{agency}.solved-cases", outcome(other, "spoofed"))

        answers = read_until(reader("responder", topics.PRIORITIES), count(2 * EACH))
        priorities = [decode(Priority, each.key, each.value, each.headers) for each in answers]
        assert Counter(each.agency_id for each in priorities) == {"lakeside": EACH, "rivertown": EACH}
        assert not [each for each in priorities if each.report_id == "spoofed"]
        letters = read_until(reader("operator", r"^.*\.dlq$"), count(8))
        assert reasons(letters) == {
            (topics.dead_letters(f"{agency}.{topic}"), reason): 1
            for agency in ("lakeside", "rivertown")
            for topic in (topics.CRIME_REPORTS, topics.SOLVED_CASES)
            for reason in ("foreign-agency", "not-json")
        }
        asked = read_until(reader("records-lakeside", topics.AUDIT_REQUESTS), count(2 * EACH))
        requests = [decode(AuditRequest, each.key, each.value, each.headers) for each in asked]
        assert {each.report_id for each in requests} == {str(number) for number in range(EACH)}

        # A release that nobody has is announced with the trainer's pen, read by the scorer and answered.
        office = FencingSender(guarded.as_user("trainer", "severity-trainer"), "severity-trainer-other-office")
        office.send(topics.MODEL_VERSIONS, *encode(announcement(), source="test", time=NOW))
        office.flush()
        (answer,) = read_until(reader("operator", topics.MODEL_STATUS), bool)
        assert decode(ModelStatus, answer.key, answer.value, answer.headers).result != "loaded"

        pages = [made.page(f"{port}/{page}") for made, port in zip(running, ports, strict=True)
                 for page in ("metrics", "livez", "readyz")]  # fmt: skip
        assert 'severity_dead_letters_total{reason="foreign-agency"} 2.0' in pages[0]
        scorer.process.kill()
        again = start("scorer", SEVERITY_SCORER__MODEL_WAIT_SECONDS="0")
        again.ready()
        send(guarded.as_user("cad-lakeside"), "lakeside.crime-reports", report("lakeside", "after"))
        assert read_until(reader("responder", topics.PRIORITIES), count(2 * EACH + 1))
        for made in (again, trainer):
            made.process.terminate()
            assert made.process.wait(SECONDS) == 0

    told = ["".join(made.said) for made in running]
    assert not [line for text in told for line in text.splitlines() if "uthorization" in line]
    everything = "\n".join([*told, *pages])
    assert [secret for secret in {*guarded.secrets, AUDIT_KEY, SCRAPE} if secret in everything] == []


def test_a_scorer_may_undo_what_a_broker_forgot(guarded: Guarded) -> None:
    kafka = guarded.as_user("scorer", "severity-scorer").model_copy(update={"slot": "settling"})
    source, transactions = GroupSource(kafka, [r"^([a-z0-9-]+\.)?crime-reports$"]), Transactions(kafka)
    source.open(Observer())
    transactions.open(Observer())
    inputs, outputs = source.partitions(), source.partitions(OUTPUTS)
    assert {topic for topic, _ in outputs} == {
        "priorities", "priorities-exercise", "lakeside.crime-reports.dlq", "rivertown.crime-reports.dlq"
    }  # fmt: skip
    assert transactions.settle(inputs, outputs, source.membership, lambda: True)
    transactions.close()
    source.close()


@pytest.mark.parametrize(
    "command", [["settings"], ["--help"], ["scorer", "--help"], ["acls", "apply", "--agency", "x"]]
)
def test_no_command_tells_a_secret(guarded: Guarded, command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command],
        env=guarded.environment("scorer"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr
    assert [secret for secret in guarded.secrets if secret in done.stdout + done.stderr] == []
