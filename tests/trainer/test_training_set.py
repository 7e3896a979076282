"""Promises of the training set: which outcome counts, which revision of a report, and that it can be made again."""

from pathlib import Path

import numpy as np
import pytest

from schemas.solved_case import AuditAnswer
from tests.trainer.events import CodeIsLevel, Outbox, outcome, priority, records, report
from trainer.audit import AuditDraw
from trainer.dataset import Dataset
from trainer.intake import Intake
from trainer.training_set import TrainingSet, training_set
from trainer.weights import AUDITED_WEIGHT, weights


class City:
    """Events put into a dataset one kind after the other, each at its next offset."""

    def __init__(self, root: Path) -> None:
        self.dataset = Dataset(root)
        self._intake = Intake(self.dataset, Outbox(), AuditDraw(b"", 0), lambda: None)
        self._next = dict.fromkeys(("CrimeReport", "Priority", "SolvedCase"), 0)

    def put(self, *events: object) -> None:
        for event in events:
            kind = type(event).__name__
            self._intake.take(records([event], first=self._next[kind]))
            self._next[kind] += 1

    def labelled(self, marks: dict[str, int] | None = None) -> TrainingSet:
        return training_set(self.dataset, CodeIsLevel(), marks)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


def test_an_empty_dataset_gives_an_empty_set(city: City) -> None:
    assert len(city.labelled()) == 0


def test_the_newest_outcome_counts_in_whatever_order_they_came(city: City) -> None:
    city.put(report(1), outcome(1, 5, sequence=3, basis="audited"), outcome(1, 2, sequence=2), outcome(1, 4))
    found = city.labelled()
    assert found.levels.tolist() == [5]
    assert found.basis.tolist() == ["audited"]


def test_a_repeated_outcome_gives_one_row(city: City) -> None:
    city.put(report(1), outcome(1, 4), outcome(1, 4))
    assert city.labelled().levels.tolist() == [4]


@pytest.mark.parametrize("basis", ["unfounded", "reopened"])
def test_a_withdrawn_outcome_takes_the_label_away_until_a_later_one_gives_it_back(city: City, basis: str) -> None:
    city.put(report(1), outcome(1, 4), outcome(1, 4, sequence=2, basis=basis))
    assert city.labelled().left_out == {"withdrawn": 1}
    city.put(outcome(1, 2, sequence=3))
    assert city.labelled().levels.tolist() == [2]


def test_the_report_is_the_one_that_was_scored_first(city: City) -> None:
    city.put(report(1, 1, victims=1), report(1, 2, victims=2), report(1, 3, victims=3))
    city.put(priority(1, revision=2, at=5), priority(1, revision=3, at=9), outcome(1))
    assert city.labelled().reports == [report(1, 2, victims=2)]


def test_without_a_priority_it_is_the_lowest_revision(city: City) -> None:
    city.put(report(1, 3), report(1, 2), outcome(1))
    assert city.labelled().reports == [report(1, 2)]


def test_the_triage_of_an_unreadable_report_is_no_first_score(city: City) -> None:
    city.put(report(1, 1), report(1, 2), priority(1, revision=0), priority(1, revision=2, at=5), outcome(1))
    assert city.labelled().reports == [report(1, 2)]


def test_an_outcome_waits_for_its_report(city: City) -> None:
    city.put(outcome(1))
    assert city.labelled().left_out == {"report-not-there": 1}
    city.put(report(1))
    assert city.labelled().reports == [report(1)]


def test_drills_and_offences_without_a_level_are_left_out_and_counted(city: City) -> None:
    city.put(report(1, status="Exercise"), report(2), report(3), outcome(1), outcome(2, "90Z"), outcome(3, 1))
    found = city.labelled()
    assert found.reports == [report(3)]
    assert found.left_out == {"drill": 1, "no-level": 1}


def test_the_rows_are_in_the_order_of_filing(city: City) -> None:
    city.put(*[report(n) for n in (3, 1, 2)], *[outcome(n, n) for n in (2, 3, 1)])
    found = city.labelled()
    assert found.levels.tolist() == [1, 2, 3]
    assert (np.diff(found.reported_at) > np.timedelta64(0)).all()
    assert (found.known_at > found.reported_at).all()


def test_a_training_set_can_be_made_again_from_its_marks(city: City) -> None:
    city.put(report(1), report(2, 2), outcome(1, 2), outcome(2, 3), priority(2, 2))
    then = city.labelled()
    city.put(report(2, 1), report(3), outcome(1, 5, sequence=2), outcome(3), priority(1), priority(2, 1, at=-9))
    again = city.labelled(dict(then.marks))
    assert again.reports == then.reports
    assert again.levels.tolist() == then.levels.tolist() == [2, 3]
    assert city.labelled().levels.tolist() == [5, 3, 3]


def test_marks_that_name_no_kafka_topic_are_refused(city: City) -> None:
    with pytest.raises(ValueError, match="not a Kafka topic"):
        city.labelled({"x' OR true --/0": 1})


@pytest.mark.parametrize("audit_first", [True, False])
def test_an_audited_report_stays_in_the_sample_when_its_case_is_solved(city: City, audit_first: bool) -> None:
    answer = AuditAnswer(request_id="q", probability=0.05)
    audit, solved = outcome(1, 2, basis="audited", audit=answer), outcome(1, 4, sequence=2)
    city.put(report(1), report(2), *((audit, solved) if audit_first else (solved, audit)), outcome(2))
    found = city.labelled()
    assert found.levels.tolist() == [4, 3]
    assert found.basis.tolist() == ["audited", "solved"]
    assert np.allclose(found.audit_probability, [0.05, np.nan], equal_nan=True)


def test_audited_reports_count_more_and_the_mean_weight_stays_one() -> None:
    found = weights(np.array(["solved", "audited", "classified", "solved"]))
    assert found.mean() == pytest.approx(1)
    assert found[1] / found[0] == AUDITED_WEIGHT
