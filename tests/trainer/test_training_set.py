"""Promises of the training set: which outcome counts, which revision of a report, and that it can be made again."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.audit_request import SECOND
from schemas.solved_case import AuditAnswer
from tests.trainer.events import CodeIsLevel, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.training.training_set import TrainingSet, labels_at, training_set


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

    def put_together(self, events: list[object]) -> None:
        """The events of each kind in one batch, in their order."""
        by_kind = {name: [event for event in events if type(event).__name__ == name] for name in self._next}
        self._intake.take([record for some in by_kind.values() for record in records(some)])

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


def test_what_a_case_itself_told_is_known_beside_its_audit(city: City) -> None:
    answer = AuditAnswer(request_id="q", probability=0.05)
    city.put(*[report(n) for n in range(1, 6)])
    city.put(outcome(1), outcome(2, basis="audited", audit=answer))
    city.put(outcome(3, basis="audited", audit=answer), outcome(3, sequence=2))
    city.put(
        outcome(4), outcome(4, sequence=2, basis="reopened"), outcome(4, sequence=3, basis="audited", audit=answer)
    )
    city.put(outcome(5, basis="audited"))  # by a person whom no draw had asked
    found = city.labelled()
    assert dict(zip(found.report_id, found.by_case.tolist(), strict=True)) == {
        "r1": True,
        "r2": False,
        "r3": True,
        "r4": False,
        "r5": True,
    }


def test_the_second_answer_to_an_audit_is_no_label(city: City) -> None:
    first, second = (AuditAnswer(request_id=f"q{end}", probability=0.05) for end in ("", SECOND))
    city.put(report(1), report(2))
    city.put(outcome(1, 2, basis="audited", audit=first), outcome(1, 5, sequence=2, basis="audited", audit=second))
    city.put(outcome(2, 5, basis="audited", audit=second))
    assert city.labelled().levels.tolist() == [2]


def test_the_window_holds_the_newest_labelled_reports(city: City) -> None:
    city.put(*[report(n) for n in range(1, 7)], *[outcome(n) for n in range(1, 6)])
    windowed = training_set(city.dataset, CodeIsLevel(), window=3)
    assert windowed.report_id.tolist() == ["r3", "r4", "r5"]
    assert training_set(city.dataset, CodeIsLevel(), since=report(4).reported_at).report_id.tolist() == ["r4", "r5"]
    assert len(training_set(city.dataset, CodeIsLevel(), window=0)) == 0


def test_labels_at_a_moment_need_no_reports_and_are_those_of_the_training_set(city: City) -> None:
    city.put(report(1), outcome(1, 2), outcome(2, 4), outcome(3, basis="unfounded"))
    then = labels_at(city.dataset, CodeIsLevel(), city.dataset.marks())
    city.put(outcome(1, 5, sequence=2))
    again = labels_at(city.dataset, CodeIsLevel(), {"solved-cases/0": 3})
    assert again.report_id.tolist() == then.report_id.tolist() == ["r1", "r2"]
    assert again.levels.tolist() == then.levels.tolist() == [2, 4]


ANSWERS = st.builds(AuditAnswer, request_id=st.sampled_from(["q", "q" + SECOND]), probability=st.just(0.1))
EVENTS = st.lists(
    st.builds(
        outcome,
        st.integers(0, 2),
        st.integers(1, 5),
        sequence=st.integers(1, 3),
        basis=st.sampled_from(["solved", "classified", "audited", "unfounded", "reopened"]),
        audit=st.none()
        | st.builds(AuditAnswer, request_id=st.sampled_from(["q", "q" + SECOND]), probability=st.just(0.1)),
    )
    | st.builds(report, st.integers(0, 2), st.integers(1, 3), victims=st.integers(0, 2))
    | st.builds(priority, st.integers(0, 2), st.integers(0, 3), at=st.integers(0, 5)),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.data())
def test_no_order_and_no_repetition_of_the_events_changes_the_training_set(
    tmp_path_factory: pytest.TempPathFactory, events: list[object], data: st.DataObject
) -> None:
    mixed = data.draw(
        st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([])))
    )
    one, other = City(tmp_path_factory.mktemp("one")), City(tmp_path_factory.mktemp("other"))
    one.put_together(events)
    other.put_together(mixed)
    assert one.labelled().digest() == other.labelled().digest()
    assert one.labelled().reports == other.labelled().reports


def test_a_digest_tells_any_change_of_a_row(city: City) -> None:
    city.put(report(1), report(2), outcome(1), outcome(2))
    found = {city.labelled().digest()}
    for event in (
        outcome(2, 4, sequence=2),
        outcome(2, 4, sequence=3, basis="classified"),
        outcome(1, basis="reopened", sequence=2),
    ):
        city.put(event)
        found.add(city.labelled().digest())
    assert len(found) == 4


def test_reports_are_read_when_asked_for_by_place_slice_or_array(city: City) -> None:
    city.put(*[report(n) for n in range(1, 6)], *[outcome(n) for n in range(1, 6)])
    found = city.labelled().reports
    assert found[-1] == found[np.int64(4)] == report(5)
    assert found[1:3] == [report(2), report(3)]
    assert found[::-2] == [report(5), report(3), report(1)]
    assert found[np.array([4, 0])] == [report(5), report(1)]
    assert found[np.array([False, True, False, False, True])] == [report(2), report(5)]
    with pytest.raises(IndexError):
        found[5]
