"""One training, from the dataset to a signed artefact; also the program that runs it in a process of its own.

A twin is fitted to the older reports and judged on the newest; what goes out is then fitted to all of them, with the
same settings. So the figures are the twin's, and the artefact says so.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from schemas.crime_report import CrimeReport
from severity.conformal import PredictionSets
from severity.keys import load_private
from severity.levels import LevelTable
from severity.manifest import Draft
from severity.model import SeverityModel
from severity.policy import Policy
from severity.writing import write
from trainer.dataset import Dataset
from trainer.evaluation import evaluate, set_size
from trainer.gate import enough, judge
from trainer.job import Job, Result
from trainer.training_set import TrainingSet, training_set
from trainer.weights import weights

HOLDOUT: Final = 0.2
"""Newest share of the labelled reports that the twin is judged on and the prediction sets are calibrated on."""

GOLDEN_ROWS: Final = 64
"""Reports that a scorer scores again before it believes what it loaded."""

NICE: Final = 10
"""How far the training's process steps behind the scorer's."""

Tell = Callable[[str, float], None]
"""Told the stage that begins and the share of the whole that is done before it."""


def train(job: Job, tell: Tell) -> Result:
    """Read, fit the twin, judge it, fit to all, write and sign. Raises what the model or the disk raises."""
    stages = _Stages(tell)
    signer = load_private(job.signing_key)
    levels = LevelTable.load(job.levels)

    stages.begin("reading", 0.0)
    labelled = training_set(Dataset(job.dataset), levels, job.marks)
    verdict = enough(labelled.levels)
    if not verdict.passed:
        return Result(version=None, promoted=False, verdict=verdict.text, rows=len(labelled), seconds=stages.end())

    stages.begin("fitting the twin", 0.05)
    cut = round(len(labelled) * (1 - HOLDOUT))
    older, newer = slice(None, cut), slice(cut, None)
    twin = _fit(labelled, older, stages.within(0.45))

    stages.begin("evaluating", 0.45)
    probabilities = twin.predict_proba(labelled.reports[newer])
    truth = labelled.levels[newer]
    sets = PredictionSets().fit(probabilities, truth)
    figures = evaluate(truth, probabilities, labelled.levels[older], labelled.basis[newer])
    figures["set_size"] = set_size(sets, probabilities)
    verdict = judge(
        figures["accuracy"],
        figures["macro_f1"],
        figures["majority_accuracy"],
        figures["majority_macro_f1"],
        len(truth),
    )

    stages.begin("fitting to all", 0.5)
    model = _fit(labelled, slice(None), stages.within(0.95))

    stages.begin("writing", 0.95)
    promoted = verdict.passed and job.hold is None
    text = f"{verdict.text}; held: {job.hold}" if verdict.passed and job.hold else verdict.text
    draft = Draft(
        name=job.model_name,
        release=job.release,
        role="champion" if promoted else "challenger",
        created_at=job.now,
        expires_at=job.now + timedelta(days=job.expires_days),
        window_from=labelled.reports[0].reported_at,
        window_to=labelled.reports[-1].reported_at,
        rows=len(labelled),
        information=model.information,
        levels=levels.digest,
        policy_version=Policy.load().version,
        parent=job.parent,
        marks=dict(labelled.marks),
        metrics=figures,
        verdict=text[:2000],
    )
    signed = write(job.artefacts, draft, model, sets, _golden(labelled), signer)
    return Result(
        version=signed.announcement(),
        promoted=promoted,
        verdict=text,
        reason="held" if verdict.passed and job.hold else "",
        rows=len(labelled),
        seconds=stages.end(),
    )


def _fit(labelled: TrainingSet, rows: slice, tell: Tell) -> SeverityModel:
    known_at: list[datetime] = [moment.replace(tzinfo=UTC) for moment in labelled.known_at[rows].tolist()]
    return SeverityModel().fit(
        labelled.reports[rows],
        labelled.levels[rows],
        known_at=known_at,
        sample_weight=weights(labelled.basis[rows]),
        progress=tell,
    )


def _golden(labelled: TrainingSet) -> list[CrimeReport]:
    """Reports spread evenly over the window, each level's share as in the whole."""
    places = np.linspace(0, len(labelled) - 1, min(GOLDEN_ROWS, len(labelled))).astype(int)
    return [labelled.reports[place] for place in places]


class _Stages:
    """Tells of stages and keeps the time that each took."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._share = 0.0
        self._began = time.perf_counter()

    def begin(self, stage: str, done: float) -> None:
        self.end()
        self._stage, self._share = stage, done
        self._tell(stage, done)

    def within(self, until: float) -> Tell:
        """Tells of the steps inside the present stage, which reaches up to the share `until`."""
        stage, share = self._stage, self._share
        return lambda step, done: self._tell(f"{stage}: {step}", share + done * (until - share))

    def end(self) -> dict[str, float]:
        """Seconds by stage so far."""
        now = time.perf_counter()
        if self._stage is not None:
            self._seconds[self._stage] = round(now - self._began, 3)
        self._began = now
        return self._seconds


def main() -> None:
    """A job as JSON is the argument; on standard output a line of JSON for each step and one for the result."""
    # What is read stays until the process ends: looking for garbage in it again and again triples the time to read it.
    gc.disable()
    if hasattr(os, "nice"):
        os.nice(NICE)
    answer, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not get among the answers

    def say(**said: object) -> None:
        print(json.dumps(said), file=answer, flush=True)

    result = train(Job.model_validate_json(sys.argv[1]), lambda stage, done: say(stage=stage, done=done))
    say(result=result.model_dump(mode="json"))


if __name__ == "__main__":
    main()
