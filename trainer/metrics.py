"""What the trainer tells Prometheus: every metric is declared once, here, with a sentence."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from schemas.envelope import Refusal
from schemas.model_version import ModelVersion
from trainer.audits.agreement import Agreement
from trainer.dataset.intake import FOREIGN_AGENCY, KINDS, OUT_OF_RANGE, Taken
from trainer.drift.drift import Alarm
from trainer.drift.two_samples import Tested
from trainer.judging.gate import HELD
from trainer.live.metrics import LiveMetrics
from trainer.live.windows import Widths
from trainer.training.job import Result

TRAINING_BUCKETS: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
"""Upper bounds in seconds: a training takes from a few seconds to some minutes."""

REFUSALS: Final = (*Refusal, FOREIGN_AGENCY, OUT_OF_RANGE)
"""Why intake may refuse a record. Each counts from 0, so that the first is an increase to Prometheus too."""


class ServiceMetrics:
    """Of the process, in whichever term of office it is. `folders`: by store, those whose disk is shown."""

    def __init__(self, registry: CollectorRegistry, folders: Mapping[str, Path]) -> None:
        ProcessCollector(registry=registry)
        self.interruptions = Counter(
            "severity_trainer_interruptions",
            "Terms that ended before they were to, by what was in the way: store, broker, or another trainer.",
            ["reason"],
            registry=registry,
        )
        for reason in ("store", "broker", "followed"):
            self.interruptions.labels(reason)  # so that the first one is an increase
        self.free = Gauge(
            "severity_store_free_bytes",
            "Free on the disk of a store that is a folder (dataset, releases); not a number where it cannot be told.",
            ["store"],
            registry=registry,
        )
        self.size = Gauge("severity_store_size_bytes", "Size of that disk.", ["store"], registry=registry)
        for store, folder in folders.items():
            self.free.labels(store).set_function(partial(_disk, folder, "free"))
            self.size.labels(store).set_function(partial(_disk, folder, "total"))


class TrainerMetrics:
    """The metrics of one term in `registry`; `widths`: of the windows of the live scores."""

    def __init__(self, registry: CollectorRegistry, widths: Widths | None = None) -> None:
        self.events = Counter(
            "severity_trainer_events",
            "Events stored in the dataset, each once, by topic.",
            ["topic"],
            registry=registry,
        )
        self.refused = Counter(
            "severity_trainer_refused",
            "Records that could not be read, by topic and reason; those of solved-cases are dead letters.",
            ["topic", "reason"],
            registry=registry,
        )
        for topic in KINDS:
            self.events.labels(topic)
            for reason in REFUSALS:
                self.refused.labels(topic, reason)
        self.missed = Counter(
            "severity_trainer_missed",
            "Records that the broker deleted before they were stored.",
            ["topic"],
            registry=registry,
        )
        self.unknown_fields = Counter(
            "severity_trainer_unknown_fields",
            "Fields in reports and outcomes that the contract does not know; they are not stored.",
            registry=registry,
        )
        self.erased = Counter(
            "severity_trainer_erased_records",
            "Records of reports that were erased: not stored again.",
            registry=registry,
        )
        self.audit_requests = Counter(
            "severity_trainer_audit_requests", "Reports drawn for a person to grade.", registry=registry
        )
        self.intake_lag = Gauge(
            "severity_trainer_intake_lag_records", "Records that wait to be stored.", registry=registry
        )
        self.intake_seconds = Counter(
            "severity_trainer_intake_seconds", "Time spent on decoding and storing events.", registry=registry
        )
        self.dataset_rows = Gauge(
            "severity_trainer_dataset_rows", "Rows of the dataset's tables.", ["table"], registry=registry
        )
        self.tidyings = Counter(
            "severity_trainer_tidyings",
            "Times that small files of the dataset were to be joined and replaced ones removed, by how it ended.",
            ["result"],
            registry=registry,
        )
        for result in ("done", "failed"):
            self.tidyings.labels(result)  # so that the first one is an increase
        self.trainings = Counter(
            "severity_trainer_trainings",
            "Trainings by what set them off and how they ended.",
            ["trigger", "result"],
            registry=registry,
        )
        self.training_seconds = Histogram(
            "severity_trainer_training_seconds",
            "From the start of a training's process to its end, whatever came of it.",
            buckets=TRAINING_BUCKETS,
            registry=registry,
        )
        self.progress = Gauge(
            "severity_trainer_training_progress_ratio",
            "How far the training under way has come; 0 when there is none.",
            registry=registry,
        )
        self.release = Gauge(
            "severity_trainer_champion_release",
            "Release that was last announced as champion; 0 for none.",
            registry=registry,
        )
        self.champion_figures = Gauge(
            "severity_champion_figure",
            "Figures of the champion as its manifest has them, by name: its twin's when it was made, `all_` those that"
            " stand for all reports.",
            ["release", "name"],
            registry=registry,
        )
        self.model_age = Gauge(
            "severity_trainer_model_age_seconds",
            "Time since the champion was made; not a number without one.",
            registry=registry,
        )
        self.agreement_pairs = Gauge(
            "severity_audit_agreement_pairs",
            "Reports that two people graded, on which the agreement stands.",
            registry=registry,
        )
        self.agreement = Gauge(
            "severity_audit_agreement_kappa",
            "Agreement of two people beyond chance (Cohen's kappa; weights: none, or quadratic in the distance),"
            " with its interval of 95 % (bound: value, low, high).",
            ["weights", "bound"],
            registry=registry,
        )
        self.drift = Gauge(
            "severity_drift_value",
            "What was last tested for drift, of the newest days against those before: psi (population stability"
            " index), missing (change of the share not given), unseen (share of new values), error (rise).",
            ["kind", "what"],
            registry=registry,
        )
        self.drift_bound = Gauge(
            "severity_drift_bound",
            "What the value must pass to be drift: more than chance does, and enough to matter.",
            ["kind", "what"],
            registry=registry,
        )
        self.drift_alarms = Counter("severity_drift_alarms", "Days at whose end drift was found.", registry=registry)
        self.drift_findings = Counter(
            "severity_drift_findings", "What was found in these alarms.", ["kind", "what"], registry=registry
        )
        self.leading = Gauge(
            "severity_trainer_leading",
            "1 for the trainer at work, 0 for one that waits to take its place.",
            registry=registry,
        )
        self.gate_passed = Gauge(
            "severity_gate_passed",
            "Whether the last candidate passed the gate (1) or goes out as challenger (0); not a number before the"
            " first.",
            registry=registry,
        )
        self.gate_figures = Gauge(
            "severity_gate_figure",
            "Figures of the last candidate as its manifest has them, by name: its twin's, on reports filed after all"
            " that this learned from.",
            ["name"],
            registry=registry,
        )
        self.gate_refused = Counter(
            "severity_gate_refused",
            "Candidates that the gate did not let pass, by reason.",
            ["reason"],
            registry=registry,
        )
        self.gate_refused_in_a_row = Gauge(
            "severity_gate_refused_in_a_row",
            "Newest candidates that the gate refused, since one passed; those held for a person are not counted.",
            registry=registry,
        )
        self.gate_passed.set(float("nan"))
        self.live = LiveMetrics(widths)
        registry.register(self.live)

    def agreed(self, found: Agreement) -> None:
        """How well graders agree, as of now."""
        self.agreement_pairs.set(found.pairs)
        for weights, value, (low, high) in (
            ("none", found.kappa, found.kappa_interval),
            ("quadratic", found.quadratic, found.quadratic_interval),
        ):
            for bound, figure in (("value", value), ("low", low), ("high", high)):
                self.agreement.labels(weights, bound).set(figure)

    def drifted(self, alarm: Alarm) -> None:
        """Drift was found."""
        self.drift_alarms.inc()
        for one in alarm.findings:
            self.drift_findings.labels(one.kind, one.what).inc()

    def tidied(self, result: str) -> None:
        """A tidying of the dataset has ended: `done` or `failed`."""
        self.tidyings.labels(result).inc()

    def tested(self, tested: Mapping[tuple[str, str], Tested]) -> None:
        """What was tested for drift."""
        for gauge in (self.drift, self.drift_bound):
            gauge.clear()
        for names, one in tested.items():
            self.drift.labels(*names).set(one.value)
            self.drift_bound.labels(*names).set(one.bound)

    def serving(self, champion: ModelVersion | None) -> None:
        """Show the champion, alone."""
        self.release.set(champion.release if champion else 0)
        self.champion_figures.clear()
        if champion is not None:
            for name, value in champion.metrics.items():
                self.champion_figures.labels(str(champion.release), name).set(value)

    def judged(self, result: Result) -> None:
        """The gate has spoken."""
        if not result.promoted:
            self.gate_refused.labels(result.reason or "unknown").inc()
        if result.version is None:
            return
        self.gate_passed.set(result.promoted)
        if result.promoted:
            self.gate_refused_in_a_row.set(0)
        elif result.reason != HELD:
            self.gate_refused_in_a_row.inc()
        self.gate_figures.clear()
        for name, value in result.version.metrics.items():
            self.gate_figures.labels(name).set(value)

    def took(self, taken: Taken, seconds: float) -> None:
        """A batch was stored."""
        self.intake_seconds.inc(seconds)
        for topic, rows in taken.rows.items():
            self.events.labels(topic).inc(rows)
        for (topic, reason), records in taken.refused.items():
            self.refused.labels(topic, reason).inc(records)
        self.unknown_fields.inc(taken.unknown_fields)
        self.audit_requests.inc(taken.audits)
        self.erased.inc(taken.erased)


def _disk(folder: Path, what: str) -> float:
    """Bytes `free` or in `total` on the folder's disk; asked at each scrape, which must not fail for it."""
    try:
        return float(getattr(shutil.disk_usage(folder), what))
    except OSError:
        return float("nan")
