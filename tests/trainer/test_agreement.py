"""Promises of the work list and of what two graders' answers tell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from cad.second_grade import DISAGREES, TAKEN_FOR, second_grade
from cli.main import app
from schemas.audit_request import SECOND
from schemas.crime_report import Location
from schemas.solved_case import AuditAnswer, Offence, SolvedCase
from severity.confusion import confusion
from severity.levels import LevelTable
from tests.trainer.events import START, CodeIsLevel, Outbox, outcome, records, report
from trainer.audits.agreement import agreement, kappa
from trainer.audits.draw import AuditDraw
from trainer.audits.work_list import open_requests
from trainer.dataset.dataset import Dataset
from trainer.dataset.erasure import erase
from trainer.dataset.intake import Intake

DRAW = AuditDraw(b"key", 0.5, 0.5)


def take(dataset: Dataset, events: list, first: int = 0) -> None:
    Intake(dataset, Outbox(), DRAW, lambda: START).take(records(events, first))


def asked(n: int) -> list[str]:
    return [request.request_id for request in DRAW.requests(report(n), START)]


def answer(n: int, request_id: str, level: int = 3, **fields: object) -> SolvedCase:
    return outcome(n, level, basis="audited", audit=AuditAnswer(request_id=request_id, probability=0.5), **fields)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path)


def test_the_list_holds_what_was_asked_for_and_not_yet_answered_oldest_first(dataset: Dataset) -> None:
    reports = [report(n, location=Location(agency_place_type=f"{n}")) for n in range(40)]
    take(dataset, reports)
    take(dataset, reports, first=100)  # repeated by the CAD system: the same requests
    now = START.replace(year=2024)
    found = open_requests(dataset, now)
    expected = {name for n in range(40) for name in asked(n)}
    assert len(found) == len(expected)
    assert {one.request_id for one in found} == expected
    assert all(one.second == one.request_id.endswith(SECOND) for one in found)
    assert all(one.place_type == one.report_id.removeprefix("r") for one in found)
    assert [one.drawn_at for one in found] == sorted(one.drawn_at for one in found)
    assert found[0].age_hours == round((now - found[0].drawn_at).total_seconds() / 3600, 2)
    take(dataset, [answer(n, asked(n)[0]) for n in range(40) if asked(n)])
    assert {one.request_id for one in open_requests(dataset, now)} == {name for name in expected if SECOND in name}


def test_an_erased_report_is_on_no_work_list(dataset: Dataset) -> None:
    take(dataset, [report(n) for n in range(40)])
    gone = open_requests(dataset, START)[0].report_id
    erase(dataset, b"key", "riverton", gone, START)
    assert gone not in {one.report_id for one in open_requests(dataset, START)}


def test_a_change_of_the_rate_or_of_the_secret_changes_no_request_that_was_sent(dataset: Dataset) -> None:
    take(dataset, [report(n) for n in range(40)])
    before = open_requests(dataset, START)
    Intake(dataset, Outbox(), replace(DRAW, rate=0.0), lambda: START).take(records([report(50)], 40))
    assert open_requests(dataset, START) == before


def test_kappa_is_scikit_learns(dataset: Dataset) -> None:
    rng = np.random.default_rng(3)
    first = rng.integers(1, 6, 200)
    second = np.where(rng.random(200) < 0.7, first, rng.integers(1, 6, 200))
    assert kappa(confusion(first, second)) == pytest.approx(cohen_kappa_score(first, second))
    events = [
        answer(n, f"q{n}{end}", int(level), sequence=place)
        for n in range(200)
        for place, (end, level) in enumerate((("", first[n]), (SECOND, second[n])), start=1)
    ]
    take(dataset, events)
    found = agreement(dataset, CodeIsLevel())
    assert (found.pairs, found.without_level) == (200, 0)
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.quadratic == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))
    assert found.kappa_interval[0] < found.kappa < found.kappa_interval[1]
    assert found.same == np.mean(first == second)
    assert agreement(dataset, CodeIsLevel()) == found


def test_the_interval_holds_the_true_kappa_about_as_often_as_it_says() -> None:
    from trainer.audits.agreement import _figures

    rng = np.random.default_rng(1)
    joint = np.full((5, 5), 0.02) + np.eye(5) * 0.1
    true = kappa(joint)
    held = 0
    for draw in range(200):
        low, high = _figures(rng.multinomial(150, joint.ravel()).reshape(5, 5).astype(float), 0, draw).kappa_interval
        held += low <= true <= high
    assert 180 <= held <= 199


def test_answers_that_name_no_level_are_counted_apart_and_the_newest_of_each_counts(dataset: Dataset) -> None:
    take(
        dataset,
        [
            answer(1, "q1", 5),
            answer(1, "q1", 2, sequence=2),
            answer(1, "q1" + SECOND, 2, sequence=3),
            answer(2, "q2"),
            answer(2, "q2" + SECOND, 3).model_copy(update={"basis": "unfounded", "offences": ()}),
            answer(3, "q3"),
        ],
    )
    found = agreement(dataset, CodeIsLevel())
    assert (found.pairs, found.without_level, found.same) == (1, 1, 1.0)
    assert np.isnan(found.kappa)  # one level alone: chance explains all


def test_the_list_and_the_agreement_can_be_read_by_programs(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEVERITY_TRAINER__DATASET", str(tmp_path))
    take(dataset, [report(n) for n in range(20)])
    said = json.loads(CliRunner().invoke(app, ["audit", "list", "--json", "--minutes", "30"]).stdout)
    assert said["hours"] == len(said["open"]) / 2 > 0
    assert said["agreement"]["kappa"] is None
    shown = CliRunner().invoke(app, ["audit", "list", "--limit", "2"]).stdout
    assert f"{len(said['open'])} open, 2 of them shown" in shown
    assert "nothing was graded by two people yet" in shown
    assert json.loads(CliRunner().invoke(app, ["audit", "agreement", "--json"]).stdout)["pairs"] == 0


def test_the_simulated_second_grader_disagrees_now_and_then_and_always_the_same_way() -> None:
    levels = LevelTable.load()
    robbery = (Offence(nibrs_code="120"),)
    graded = [second_grade(robbery, f"q{n}{SECOND}") for n in range(4000)]
    assert graded == [second_grade(robbery, f"q{n}{SECOND}") for n in range(4000)]
    share = np.mean([one != robbery for one in graded])
    assert abs(share - DISAGREES) < 0.02
    for code, other in TAKEN_FOR.items():
        assert None not in (levels.level([Offence(nibrs_code=one)], "x") for one in (code, other))
    own = (Offence(agency_code="510"),)
    assert all(second_grade(own, f"q{n}") == own for n in range(100))
