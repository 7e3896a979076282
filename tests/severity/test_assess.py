"""From reports to priorities."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.crime_report import CrimeReport
from schemas.priority import DeadLetterRef, ModelRef, Priority, Reason, SourcePosition
from severity.assess import Assessor, Release
from severity.laps import Lap, untimed
from severity.policy import Material, Policy
from severity.reasons import Leading, leading
from severity.rules import Rules
from severity.scheme import Schemes
from severity.scorer import Contribution, softmax
from severity.urgency import urgency_of
from severity.view import ModelFailed, scores_of
from severity.wording import Wording
from tests.severity.small_model import small_model
from tests.strategies import reports

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
POSITION = SourcePosition(topic="crime-reports", partition=0, offset=7)
REF = ModelRef(name="severity", release=3, digest="0" * 64)
BASELINE = np.array([0.5, 1.0, 0.0, -0.5, -1.0])
WEIGHTS = {
    "weapons": np.array([-1.0, -1.0, 0.0, 1.0, 4.0]),
    "urgency": np.array([-0.5, 0.0, 0.5, 0.5, 0.5]),
    "area": np.array([0.1, 0.1, 0.1, 0.1, 0.3]),
}


@dataclass
class LinearScores:
    """Stands in for `severity.scorer.Scores`: three inputs, each with its weights; sums exactly."""

    rows: list[dict[str, NDArray[np.float64]]]
    raw: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def leading(self, levels: NDArray[np.int64], material: Material) -> tuple[NDArray[np.float64], list[Leading]]:
        return BASELINE[levels - 1], [
            leading([Contribution(name, None, float(weights[level - 1])) for name, weights in row.items()], material)
            for row, level in zip(self.rows, levels, strict=True)
        ]


@dataclass
class LinearScorer:
    """`fails_on`: a report id at which the model breaks, in a batch or alone."""

    fails_on: str | None = None
    scored: list[int] = field(default_factory=list)

    def score(self, reports: Sequence[CrimeReport], lap: Lap = untimed) -> LinearScores:
        self.scored.append(len(reports))
        if any(report.report_id == self.fails_on for report in reports):
            raise ZeroDivisionError("the model broke")
        rows = [
            {"weapons": WEIGHTS["weapons"] * bool(r.weapons), "urgency": WEIGHTS["urgency"] * (r.urgency is not None)}
            | {"area": WEIGHTS["area"]}
            for r in reports
        ]
        raw = np.array([BASELINE + sum(row.values()) for row in rows])
        return LinearScores(rows, raw, softmax(raw))


class AboveTenth:
    least_ = np.full(5, 0.1)


RULES, SCHEMES, POLICY, WORDING = Rules.load(), Schemes.load(), Policy.load(), Wording.load()


def assessor(scorer: Any = None, failures: list[Exception] | None = None) -> Assessor:
    release = Release(scorer, AboveTenth(), REF) if scorer else None
    return Assessor(RULES, SCHEMES, POLICY, WORDING, release, ([] if failures is None else failures).append)


MODEL, ALONE = assessor(LinearScorer()), assessor()


def report(report_id: str = "1", **fields: Any) -> CrimeReport:
    return CrimeReport.model_validate({"agency_id": "a", "report_id": report_id, "reported_at": NOW} | fields)


def assess(by: Assessor = MODEL, **fields: Any) -> Priority:
    return by.assess([report(**fields)], [POSITION], NOW)[0]


def test_the_model_decides_where_no_rule_raises() -> None:
    priority = assess(weapons=["30"], urgency="past")
    assert (priority.decided_by, priority.degraded) == ("model", False)
    assert priority.severity == priority.model_severity == 5
    assert priority.model == REF
    assert priority.score == pytest.approx(25 * sum(i * p for i, p in enumerate(priority.probabilities or ())))
    assert priority.plausible_levels == (5,)
    assert [reason.text for reason in priority.reasons] == ["blunt object reported", "not in progress any more"]
    assert (priority.reported_at, priority.scored_at, priority.source) == (NOW, NOW, POSITION)


def test_a_floor_raises_the_level_and_is_the_first_reason() -> None:
    priority = assess(flags={"protective_order": True})
    assert (priority.model_severity, priority.severity, priority.floor) == (2, 3, 3)
    assert (priority.decided_by, priority.floor_rule) == ("rule", "protective-order")
    assert priority.reasons[0].text == "rule: protective order"
    assert priority.reasons[0].contribution is None


def test_a_floor_never_lowers_the_level() -> None:
    priority = assess(weapons=["30"], flags={"domestic": True})
    assert (priority.severity, priority.floor, priority.decided_by) == (5, 3, "model")
    assert all(not reason.text.startswith("rule") for reason in priority.reasons)


@given(reports)
@settings(max_examples=200)
def test_every_report_gets_a_priority_that_keeps_the_contract_and_adds_up(report: CrimeReport) -> None:
    for by in (MODEL, ALONE):
        (priority,) = by.assess([report], [POSITION], NOW)
        assert Priority.model_validate_json(priority.model_dump_json()) == priority
        assert Priority.model_validate(priority.model_dump()) == priority, "what is made unchecked would pass the check"
        assert [*vars(priority)] == [*Priority.model_fields], "written in the order of the contract"
        assert (priority.agency_id, priority.report_id, priority.revision, priority.status) == (
            report.agency_id,
            report.report_id,
            report.revision,
            report.status,
        )
        assert priority.severity is not None
        assert priority.floor is None or priority.severity >= priority.floor
        assert priority.model_severity is None or priority.severity >= priority.model_severity
    (priority,) = MODEL.assess([report], [POSITION], NOW)
    raw = LinearScorer().score([report]).raw[0, (priority.severity or 0) - 1]
    assert priority.baseline is not None
    assert priority.other_contribution is not None
    told = sum(reason.contribution or 0.0 for reason in priority.reasons)
    assert priority.baseline + told + priority.other_contribution == pytest.approx(raw, abs=1e-9)


def test_an_initial_priority_is_never_undercut() -> None:
    priority = assess(initial_priority="p1")
    assert (priority.priority, priority.eido_priority, priority.suggested_priority) == ("P1", 10, "P4")
    assert [reason.code for reason in priority.reasons][:1] == ["initial-priority"]
    kept = assess(initial_priority="P5")
    assert (kept.priority, kept.suggested_priority) == ("P4", None)
    same = assess(initial_priority="P4")
    assert (same.priority, same.suggested_priority) == ("P4", None)


@given(reports, st.sampled_from(["P1", "P2", "P3", "P4", "P5"]))
def test_no_report_is_published_below_its_initial_priority(report: CrimeReport, initial: str) -> None:
    report = report.model_copy(update={"initial_priority": initial, "agency_id": "a"})
    for by in (MODEL, ALONE):
        assert by.assess([report], [POSITION], NOW)[0].priority <= initial, "P1 is the most urgent"


def test_an_initial_priority_of_another_scale_is_ignored_shown_and_asks_for_a_person() -> None:
    priority = assess(initial_priority="Code 3", urgency="past", weapons=["30"])
    assert priority.priority == assess(urgency="past", weapons=["30"]).priority
    assert priority.suggested_priority is None
    assert priority.needs_human_triage
    assert priority.reasons[0].code == "initial-priority-unknown"
    assert "Code 3" in priority.reasons[0].text
    known = assess(agency_id="lapd", initial_priority="Code 3")
    assert (known.priority, known.suggested_priority) == ("Code 3", "Routine")


def test_a_cold_case_ranks_below_the_same_offence_in_progress() -> None:
    cold = assess(weapons=["30"], occurred_from=NOW - timedelta(days=2))
    hot = assess(weapons=["30"], urgency="in-progress")
    assert cold.severity == hot.severity == 5
    assert cold.priority > hot.priority
    assert cold.eido_priority < hot.eido_priority


def test_without_a_model_the_rules_answer_and_say_so() -> None:
    priority = assess(ALONE, incident_type="ROBBERY")
    assert (priority.severity, priority.decided_by, priority.degraded) == (5, "fallback", True)
    assert priority.needs_human_triage
    assert priority.probabilities is priority.score is priority.model is priority.baseline is None
    assert [reason.text for reason in priority.reasons] == ["no model, by the table: Robbery"]
    raised = assess(ALONE, flags={"protective_order": True})
    assert (raised.severity, raised.decided_by, raised.degraded) == (3, "rule", True)
    assert [reason.code for reason in raised.reasons] == ["protective-order", "fallback"]


def test_one_report_that_breaks_the_model_takes_it_from_no_other() -> None:
    failures: list[Exception] = []
    by = assessor(LinearScorer(fails_on="2"), failures)
    batch = [report(str(n), urgency="past") for n in range(1, 5)]
    answers = by.assess(batch, [POSITION] * 4, NOW)
    assert [answer.degraded for answer in answers] == [False, True, False, False]
    assert [type(error) for error in failures] == [ZeroDivisionError]


class Wrong(LinearScorer):
    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self.changes = changes

    def score(self, reports: Sequence[CrimeReport], lap: Lap = untimed) -> LinearScores:
        scores = super().score(reports, lap)
        for name, value in self.changes.items():
            getattr(scores, name)[:] = value
        return scores


@pytest.mark.parametrize(
    "changes",
    [{"probabilities": np.nan}, {"probabilities": 1.5}, {"raw": np.nan}, {"raw": 99.0}],
    ids=["no number", "no probability", "no raw score", "reasons that do not add up"],
)
def test_a_model_that_answers_nonsense_is_not_believed(changes: dict[str, float]) -> None:
    failures: list[Exception] = []
    priority = assess(assessor(Wrong(**changes), failures))
    assert (priority.degraded, priority.decided_by) == (True, "fallback")
    assert [type(error) for error in failures] == [ModelFailed]


@pytest.mark.parametrize("name", ["raw", "probabilities"])
def test_a_model_that_answers_of_too_few_levels_is_not_believed(name: str) -> None:
    class Short(LinearScorer):
        def score(self, reports: Sequence[CrimeReport], lap: Lap = untimed) -> LinearScores:
            scores = super().score(reports, lap)
            return replace(scores, **{name: getattr(scores, name)[:, :3]})

    failures: list[Exception] = []
    assert assess(assessor(Short(), failures)).decided_by == "fallback"
    assert [type(error) for error in failures] == [ModelFailed]


def test_thresholds_of_too_few_levels_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[Exception] = []
    monkeypatch.setattr(AboveTenth, "least_", np.full(3, 0.1))
    assert assess(assessor(LinearScorer(), failures)).decided_by == "fallback"
    assert [type(error) for error in failures] == [ModelFailed]


def test_an_answer_does_not_depend_on_the_batch_it_came_in() -> None:
    batch = [
        report(str(n), urgency=urgency, weapons=weapons)
        for n in range(3)
        for urgency in (None, "past")
        for weapons in ([], ["12"])
    ]
    together = MODEL.assess(batch, [POSITION] * len(batch), NOW)
    assert together == [MODEL.assess([one], [POSITION], NOW)[0] for one in batch]
    assert MODEL.assess([], [], NOW) == []


def test_a_real_models_reasons_add_up_in_a_batch_and_alone() -> None:
    model, sets, reports = small_model()
    scorer = model.compile()
    failures: list[Exception] = []
    by = Assessor(RULES, SCHEMES, POLICY, WORDING, Release(scorer, sets, REF), failures.append)
    together = by.assess(reports, [POSITION] * len(reports), NOW)
    assert failures == []
    assert together == [by.assess([one], [POSITION], NOW)[0] for one in reports]
    raw = scorer.score(reports).raw
    for row, priority in zip(raw, together, strict=True):
        told = sum(reason.contribution or 0.0 for reason in priority.reasons)
        total = (priority.baseline or 0.0) + told + (priority.other_contribution or 0.0)
        assert total == pytest.approx(row[(priority.severity or 0) - 1], abs=1e-9)
    texts = {reason.text for priority in together for reason in priority.reasons}
    assert {"handgun reported", "call: Robbery"} <= texts


def test_a_batch_is_scored_in_one_call() -> None:
    scorer = LinearScorer()
    assessor(scorer).assess([report(str(n)) for n in range(50)], [POSITION] * 50, NOW)
    assert scorer.scored == [50]


@pytest.mark.parametrize("status", ["Actual", "Exercise", "Test"])
def test_a_drill_stays_a_drill(status: str) -> None:
    assert assess(status=status).status == assess(ALONE, status=status).status == status


def test_an_unreadable_report_is_placed_for_triage_with_its_dead_letter() -> None:
    letter = DeadLetterRef(topic="crime-reports.dlq", reason="not-json")
    priority = MODEL.triage("lapd", "r1", letter, POSITION, NOW)
    assert (priority.severity, priority.score, priority.probabilities, priority.model) == (None,) * 4
    assert (priority.priority, priority.revision, priority.status) == ("Code 2", 0, "Actual")
    assert (priority.needs_human_triage, priority.degraded, priority.dead_letter) == (True, True, letter)
    assert Priority.model_validate_json(priority.model_dump_json()) == priority
    with pytest.raises(ValidationError):
        MODEL.triage("Not An Agency", "r1", letter, POSITION, NOW)


WHY = Reason(code="agency-marked", text="not trusted now")


@given(reports)
def test_a_readable_report_that_is_not_scored_is_never_less_urgent_than_a_rule_or_its_caller_says(
    filed: CrimeReport,
) -> None:
    priority = MODEL.triage_readable(filed, WHY, POSITION, NOW)
    assert (priority.severity, priority.score, priority.probabilities, priority.model) == (None,) * 4
    assert (priority.needs_human_triage, priority.degraded, priority.decided_by) == (True, True, "fallback")
    assert (priority.key, priority.revision, priority.status) == (filed.key, filed.revision, filed.status)
    assert priority.reported_at == filed.reported_at
    assert priority.reasons[0] == WHY
    scheme, floor = SCHEMES.for_agency(filed.agency_id), RULES.floor(filed)
    said = [scheme.triage, scheme.find(filed.initial_priority or "")]
    said += [scheme.place(floor.level, urgency_of(filed), filed.flags.suspect_present)] if floor else []
    assert priority.eido_priority == max(placement.eido_priority for placement in said if placement)
    assert Priority.model_validate_json(priority.model_dump_json()) == priority


@pytest.mark.parametrize(
    ("changes", "priority"),
    [({}, "P2"), ({"initial_priority": "P1"}, "P1"), ({"initial_priority": "P4"}, "P2"),
     ({"incident_type": "ACTSHOOT", "urgency": "in-progress"}, "P1")],
)  # fmt: skip
def test_triage_is_raised_by_the_caller_and_by_a_rule_and_lowered_by_nothing(
    changes: dict[str, Any], priority: str
) -> None:
    assert MODEL.triage_readable(report(**changes), WHY, POSITION, NOW).priority == priority


def test_the_policy_version_names_every_table_that_decides() -> None:
    version = assess().policy_version
    assert all(part in version for part in (POLICY.version, RULES.version, SCHEMES.version))
    assert len(version) <= 64


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda shares: sum(shares) > 0.01))
def test_the_score_is_25_times_the_expected_level_above_the_first(shares: list[float]) -> None:
    p = np.array([shares]) / sum(shares)
    (points,) = scores_of(p)
    assert 0 <= points <= 100
    assert points == pytest.approx(25 * sum(above * share for above, share in enumerate(p[0])))


def test_a_batch_is_timed_by_stage() -> None:
    model, sets, reports = small_model()
    by = Assessor(RULES, SCHEMES, POLICY, WORDING, Release(model.compile(), sets, REF), lambda error: None)
    laps: list[str] = []
    by.assess(reports, [POSITION] * len(reports), NOW, laps.append)
    assert laps == ["rules", "features", "forest", "reasons"]
