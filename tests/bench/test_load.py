"""The benches' load: numbered reports, filed and heard by processes of their own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from multiprocessing.connection import Connection

import numpy as np
import pytest

from bench.child import Child, ChildFailed
from bench.load import Filer, Listener, Load, ends, number_of
from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from schemas.envelope import decode
from severity.levels import LevelTable
from transport.embedded import EmbeddedBroker
from transport.settings import KafkaSettings

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def load() -> Load:
    city = SimulatedCity(1, NOW, levels=LevelTable.load())
    return Load.of([case.report for case in islice(city, 300)], NOW)


@pytest.fixture
def kafka() -> Iterator[KafkaSettings]:
    with EmbeddedBroker({"reports": 4}) as broker:
        yield broker.settings()


def test_each_number_is_a_report_of_its_own_that_keeps_the_contract(load: Load) -> None:
    for number in (0, 7, 299, 123_456_789):
        key, value, headers = load.message(number)
        report = decode(CrimeReport, key, value, headers)
        assert report.report_id == f"bench-{number:09d}"
        assert number_of(key) == number
        assert dict(headers)["ce_id"] == report.ce_id.encode()


def test_no_report_of_a_load_is_a_drill_whose_priority_would_go_elsewhere(load: Load) -> None:
    statuses = {decode(CrimeReport, *load.message(number)).status for number in range(len(load.templates))}
    assert statuses == {"Actual"}


def test_what_is_filed_is_heard_once_and_after_it_was_filed(load: Load, kafka: KafkaSettings) -> None:
    with Filer(kafka, load) as filer, Listener(kafka, ends(kafka, ["reports"])) as listener:
        for first in (0, 40):
            filer.begin("reports", first, 40, 400.0)
            sent, heard = filer.sent(), listener.heard(first, 40)
            assert (np.diff(sent) > 0).all()
            assert (heard.arrived >= sent).all()
            assert heard.again == 0


def test_what_does_not_come_is_told_as_missing_and_repeats_are_counted(load: Load, kafka: KafkaSettings) -> None:
    with Filer(kafka, load) as filer, Listener(kafka, ends(kafka, ["reports"])) as listener:
        for _ in range(2):
            filer.begin("reports", 0, 5, 400.0)
            filer.sent()
        heard = listener.heard(0, 6, patience=1.0)
        assert (heard.arrived > 0).tolist() == [True] * 5 + [False]
        assert heard.again == 5


def test_a_failing_child_is_told_with_its_own_trace(load: Load, kafka: KafkaSettings) -> None:
    with Filer(kafka, load) as filer:
        filer.ask("nonsense")
        with pytest.raises(ChildFailed, match="ValueError"):
            filer.answer()


def test_a_child_ends_when_nobody_asks_any_more() -> None:
    child = Child(_echo)
    child.ask("hello")
    assert child.answer() == "hello"
    child.close()
    assert not child.alive


def _echo(connection: Connection) -> None:
    while True:
        connection.send(connection.recv())
