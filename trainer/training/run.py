"""One training, from the dataset to a signed artefact; also the program that runs it in a process of its own.

Twins of the candidate, the champion, the first release and the best of the last are fitted to what was filed before one
cut and judged on what was filed after it. What goes out is fitted to all of it, with the same settings, and must agree
with its twin on the golden reports. So the figures are the twin's, and the artefact says so.
"""

import gc
import json
import os
import sys
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from severity.artefact.keys import load_private
from severity.artefact.manifest import Draft
from severity.artefact.store import open_store
from severity.artefact.writing import write
from severity.levels import LevelTable
from severity.policy import Policy
from severity.told import tell as write_down
from telemetry.ending import WITH_PARENT, die_with_parent
from trainer.dataset.dataset import Dataset
from trainer.judging import gate
from trainer.judging.coverage import calibrate, coverage
from trainer.judging.evaluation import CANDIDATE, evaluate
from trainer.judging.groups import no_group_worse
from trainer.judging.holdout import Holdout, calibration_by_chance, cut_of
from trainer.judging.suspicion import suspicions
from trainer.releasing.golden import golden
from trainer.releasing.releases import releases, trusted
from trainer.training.job import Job, Result
from trainer.training.lessons import earlier, fit, present
from trainer.training.stages import Stages, Tell
from trainer.training.training_set import labels_at, training_set
from trainer.training.twins import CHAMPION, fit_all, forebears

NICE: Final = 10
"""How far the training's process steps behind the scorer's."""

RELEASE: Final = "release"
"""Name of the fit to everything, among the twins."""


def train(job: Job, tell: Tell) -> Result:
    """Read, fit, judge, write and sign. Raises what the model or the disk raises; nothing is there then."""
    stages = Stages(tell)
    signer = load_private(job.signing_key)
    levels = LevelTable.load(job.levels)
    dataset = Dataset(job.dataset)

    stages.begin("reading", 0.0)
    labelled = training_set(dataset, levels, job.marks, window=job.window)
    verdict = gate.enough(labelled.levels)
    if not verdict.passed:
        return Result(
            version=None,
            promoted=False,
            verdict=verdict.text,
            reason=verdict.reason,
            rows=len(labelled),
            seconds=stages.end(),
        )
    known = forebears(releases(open_store(job.artefacts), trusted(job.signing_key), job.model_name), job.parent)
    now, cut = present(labelled), cut_of(len(labelled))
    distinct = {one.digest: one.manifest.marks for one in known.values()}
    by_digest = {digest: earlier(labelled, labels_at(dataset, levels, marks)) for digest, marks in distinct.items()}
    then = {name: by_digest[one.digest] for name, one in known.items()}

    stages.begin("facts", 0.1)
    told = write_down(labelled.reports)

    stages.begin("fitting", 0.2)
    lessons = {CANDIDATE: now, **then}
    models = fit_all(
        {RELEASE: now} | {name: lesson.before(cut) for name, lesson in lessons.items()},
        lambda lesson: fit(labelled, told, lesson, job.half_life_days),
        job.threads,
        stages.within(0.85),
    )
    release = models.pop(RELEASE)

    stages.begin("evaluating", 0.85)
    holdout = Holdout.after(cut, labelled, now)
    answers = holdout.answers(models, labelled.levels[:cut])
    evaluation = evaluate(holdout.judged, answers)

    stages.begin("gate", 0.92)
    examples = golden(labelled.reports)
    checks = [
        *suspicions(labelled, now, then.get(CHAMPION), models.get(CHAMPION), cut),
        gate.better_than_majority(evaluation),
        gate.calibrated(evaluation, calibration_by_chance(answers[CANDIDATE])),
        *(gate.not_worse(evaluation, name) for name in then if name in models),
        *(gate.keeps(evaluation, CHAMPION) if CHAMPION in models else ()),
        *(no_group_worse(holdout, answers[CANDIDATE], answers[CHAMPION]) if CHAMPION in models else ()),
        gate.agrees(release.predict_proba(examples), models[CANDIDATE].predict_proba(examples)),
    ]
    verdict = gate.verdict(checks, gate.in_words(evaluation)).held(job.hold)

    stages.begin("writing", 0.95)
    fair = (answers[CANDIDATE], holdout.judged.truth, holdout.judged.weights, holdout.basis)
    draft = Draft(
        name=job.model_name,
        release=job.release,
        role="champion" if verdict.passed else "challenger",
        created_at=job.now,
        expires_at=job.now + timedelta(days=job.expires_days),
        window_from=labelled.reports[0].reported_at,
        window_to=labelled.reports[-1].reported_at,
        rows=len(labelled),
        information=release.information,
        levels=levels.digest,
        policy_version=Policy.load().version,
        parent=job.parent,
        marks=dict(labelled.marks),
        tables=dict(labelled.tables),
        training_set=labelled.digest(),
        by_basis=_counts(labelled.basis),
        by_level=_counts(labelled.levels),
        left_out=dict(sorted(labelled.left_out.items())),
        judged_on=_judged_on(cut, len(labelled)),
        metrics={**evaluation.figures, **coverage(*fair)},
        verdict=verdict.text,
    )
    signed = write(job.artefacts, draft, release, calibrate(*fair), examples, signer)
    return Result(
        version=signed.announcement(),
        promoted=verdict.passed,
        verdict=verdict.text,
        reason=verdict.reason,
        rows=len(labelled),
        seconds=stages.end(),
    )


def _judged_on(cut: int, rows: int) -> str:
    few = f", which are fewer than the {gate.SURE_ROWS} that make it sure" if rows - cut < gate.SURE_ROWS else ""
    return (
        f"the newest {rows - cut} of the labelled reports{few}, by a twin fitted to the older {cut}; the model itself"
        " was then fitted to all of them. The prediction sets were calibrated on the twin's doubts about those newest,"
        " their coverage measured on the newer half with sets calibrated on the older one. Figures named all_ stand for"
        " all reports, the others for the labelled ones"
    )


def _counts(values: npt.NDArray[Any]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return {str(value): int(count) for value, count in zip(found, counts, strict=True)}


def main() -> None:
    """A job as JSON is the first argument; on standard output a line of JSON for each step and one for the result."""
    # What is read stays until the process ends: looking for garbage in it again and again triples the time to read it.
    gc.disable()
    if hasattr(os, "nice"):
        os.nice(NICE)
    if WITH_PARENT in sys.argv:
        die_with_parent()
    answer, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not get among the answers

    def say(**said: object) -> None:
        print(json.dumps(said), file=answer, flush=True)

    result = train(Job.model_validate_json(sys.argv[1]), lambda stage, done: say(stage=stage, done=done))
    say(result=result.model_dump(mode="json"))


if __name__ == "__main__":
    main()
