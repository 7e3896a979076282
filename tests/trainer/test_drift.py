"""Promises of drift: a planted shift is found and named, and nothing is cried where nothing changed."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cad.simulated import SimulatedCity
from tests.trainer.events import CodeIsLevel, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.drift.drift import MOST_VALUES, Alarm, Drift, Spans
from trainer.drift.feed import DriftFeed, inputs
from trainer.drift.two_samples import PSI_LEAST, Counts, crowding, missing, psi, unseen
from trainer.live.feed import feed, rebuild
from trainer.live.scores import LiveScores

START = datetime(2025, 1, 1, tzinfo=UTC)
CHANCE = 0.01


def sampled(rng: np.random.Generator, shares: list[float], *sizes: int) -> Counts:
    return np.array([rng.multinomial(n, shares) for n in sizes], dtype=np.float64)


def share_above(test: Callable[..., object], seeds: int, draw: Callable[[np.random.Generator], tuple]) -> float:
    """How often the test's value is above what its noise alone allows."""
    found = [test(*draw(np.random.default_rng(seed)), CHANCE) for seed in range(seeds)]
    return float(np.mean([one.drifted for one in found]))


def test_without_a_change_psi_passes_its_bound_as_seldom_as_it_was_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.drift.two_samples.PSI_LEAST", 0.0)
    shares = [0.4, 0.3, 0.15, 0.1, 0.05]

    def draw(rng: np.random.Generator) -> tuple[Counts, Counts]:
        return sampled(rng, shares, *[100] * 60), sampled(rng, shares, 700)[0]

    assert share_above(psi, 1_000, draw) < 2.5 * CHANCE


def test_a_few_reports_need_a_greater_change_than_many_do() -> None:
    rng = np.random.default_rng(1)
    before, after = [0.5, 0.3, 0.2], [0.35, 0.35, 0.3]
    reference = sampled(rng, before, *[1_000] * 30)
    few, many = (psi(reference, sampled(rng, after, n)[0], 1e-6) for n in (60, 6_000))
    assert few.bound > 0.25 > many.bound == PSI_LEAST
    assert many.drifted
    assert not few.drifted


def test_days_that_differ_more_than_chance_widen_the_bound() -> None:
    rng = np.random.default_rng(2)
    steady = sampled(rng, [0.5, 0.5], *[200] * 60)
    crowded = np.array([rng.multinomial(200, [p, 1 - p]) for p in rng.beta(5, 5, 60)], dtype=np.float64)
    assert crowding(steady) < 1.5
    assert crowding(crowded) > 5
    now = np.array([700.0, 700.0])
    assert psi(crowded, now, 1e-6).bound > psi(steady, now, 1e-6).bound


def test_a_new_value_is_found_and_one_of_many_rare_ones_is_not() -> None:
    rng = np.random.default_rng(3)
    reference = np.hstack([sampled(rng, [0.6, 0.4], *[100] * 40), np.zeros((40, 1))])
    assert unseen(reference, np.array([400.0, 280.0, 20.0]), 1e-6).drifted
    rare = np.hstack([reference[:, :2], (rng.random((40, 300)) < 1 / 60), np.zeros((40, 4))])
    assert not unseen(rare, np.append(np.append([400.0, 280.0], np.zeros(300)), np.ones(4)), 1e-6).drifted


def test_a_field_that_is_no_longer_given_is_found() -> None:
    reference = np.tile([10.0, 90.0], (30, 1))
    assert missing(reference, np.array([200.0, 500.0]), 1e-6).drifted
    assert not missing(reference, np.array([75.0, 625.0]), 1e-6).drifted


def city(seed: int, per_day: float, days: int, shift: int | None = None) -> Iterator[tuple[date, dict]]:
    after = None if shift is None else round(shift * per_day)
    end = START + timedelta(days=days)
    cases = SimulatedCity(seed, START, per_day=per_day, drift_after=after)
    for case in takewhile(lambda case: case.report.reported_at < end, cases):
        yield case.report.reported_at.date(), dict(inputs(case.report))


def played(days: Iterator[tuple[date, dict]]) -> list[Alarm]:
    drift, alarms, today = Drift(Spans(reference=112)), [], START.date()
    for day, values in days:
        if day > today:
            alarms += drift.close(day)
            today = day
        drift.took(day, values)
    return alarms


def test_a_simulated_year_without_a_shift_raises_no_more_than_one_alarm() -> None:
    assert len(played(city(5, per_day=30, days=365))) <= 1


def test_a_planted_shift_is_found_within_a_week_and_told_once() -> None:
    alarms = played(city(5, per_day=120, days=110, shift=80))
    (alarm,) = alarms
    assert START.date() + timedelta(days=80) <= alarm.day <= START.date() + timedelta(days=87)
    assert {one.what for one in alarm.findings} & {"incident_type", "agency_incident_type", "offence_code"}


def test_a_rise_of_the_errors_is_found_and_a_fall_or_day_and_night_are_none() -> None:
    rng = np.random.default_rng(4)

    def run(rate: Callable[[int, int], float]) -> list[Alarm]:
        drift, alarms = Drift(), []
        for n in range(200):
            day = START.date() + timedelta(days=n)
            alarms += drift.close(day)
            for hour in range(24):
                for _ in range(3):
                    wrong = rng.random() < rate(n, hour)
                    drift.judged(day, "audited", 2, wrong, int(rng.integers(2**40)))
        return alarms

    (alarm,) = run(lambda day, hour: 0.2 if day < 100 else 0.4)
    assert [one.what for one in alarm.findings] == ["error audited"]
    assert alarm.day < START.date() + timedelta(days=110)
    assert run(lambda day, hour: 0.4 if day < 100 else 0.2) == []
    assert run(lambda day, hour: 0.05 if 6 <= hour < 20 else 0.5) == []


def test_the_reference_ends_with_what_the_champion_learned_so_that_a_slow_slide_is_found() -> None:
    def slide(learned: bool) -> list[Alarm]:
        rng, drift, alarms = np.random.default_rng(6), Drift(Spans(reference=60)), []
        for n in range(300):
            day = START.date() + timedelta(days=n)
            alarms += drift.close(day)
            if learned or n == 60:
                drift.learned_until(day)
            share = 0.3 + 0.3 * n / 300
            for value in (rng.random(100) < share).tolist():
                drift.took(day, {"source": ("online" if value else "caller",)})
        return alarms

    assert slide(learned=False)
    assert not slide(learned=True)


def test_a_flood_of_nonsense_takes_no_memory() -> None:
    drift, day = Drift(), START.date()
    for n in range(3 * MOST_VALUES):
        drift.took(day, {"area": (f"nonsense-{n}",)})
    (counts,) = drift._open.values()
    assert len(counts.values["area"]) <= MOST_VALUES + 1


def test_a_clock_that_runs_ahead_closes_no_day_and_hides_nothing() -> None:
    now = datetime(2026, 3, 2, 13, tzinfo=UTC)
    found = DriftFeed(Drift(), ZoneInfo("UTC"), lambda: now)
    found.feed(report(1, reported_at=datetime(2031, 1, 1, tzinfo=UTC)))
    assert found._today == now.date()


def test_after_a_restart_the_dataset_gives_the_same_tests_again(tmp_path: Path) -> None:
    dataset, levels, spans = Dataset(tmp_path), CodeIsLevel(), Spans(current=2, reference_least=4, least=10)
    intake = Intake(dataset, Outbox(), AuditDraw(b"", 0), lambda: None)

    def watch() -> tuple[DriftFeed, LiveScores]:
        drift = DriftFeed(Drift(spans), ZoneInfo("UTC"), lambda: datetime(2027, 1, 1, tzinfo=UTC))
        return drift, LiveScores(drift.joined)

    drift, live = watch()
    day = 24 * 60
    numbers = [n * day // 40 for n in range(400)]
    events = [
        *[report(n, location={"area": f"a{n // 36 % 3}"}) for n in numbers],
        *[priority(n, level=1 + n % 5) for n in numbers],
        *[outcome(n, 1 + n % 3) for n in numbers],
    ]
    for event in intake.take(records(events)).events:
        drift.feed(event)
        feed(live, event, levels)
    drift.judge()
    again, live = watch()
    again.rebuild(dataset)
    rebuild(live, dataset, levels)
    again.judge()
    assert again.tested == drift.tested
    assert ("psi", "area") in drift.tested
