"""Which earlier releases a candidate is compared with, and the fits of a training, some of them side by side."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from severity.artefact.proof import Proved
from severity.model import SeverityModel
from trainer.judging.evaluation import ALL
from trainer.training.lessons import Lesson

CHAMPION: Final = "champion"
FIRST: Final = "first"
BEST: Final = "best"

LAST: Final = 30
"""Releases among which the best is looked for."""

LEAST_LESSON: Final = 50
"""Labels from which a twin is made: of a release whose reports were erased or withdrawn, little may be left."""


def forebears(known: Sequence[Proved], champion: str | None) -> dict[str, Proved]:
    """The champion, the first release and the best of the last ones, of the `known` releases, newest first.

    Only releases that a gate or a person let pass count. The best is so by accuracy and macro-F1, as for all reports,
    as its own manifest gives them: each on reports of its own time, so that it is a guess that the twins then judge.
    """
    passed = [one for one in known if one.manifest.role == "champion"]
    if not passed:
        return {}
    found = {FIRST: passed[-1], BEST: max(passed[:LAST], key=_worth)}
    scoring = [one for one in passed if one.digest == champion]
    return {CHAMPION: scoring[0], **found} if scoring else found


def _worth(one: Proved) -> float:
    figures = one.manifest.metrics
    return sum(figures.get(f"{ALL}{name}", figures.get(name, 0.0)) for name in ("accuracy", "macro_f1"))


def fit_all(
    lessons: Mapping[str, Lesson],
    fit: Callable[[Lesson], SeverityModel],
    threads: int,
    done: Callable[[str, float], None],
) -> dict[str, SeverityModel]:
    """A model of each lesson that can be learned from; equal lessons share one. `threads` are fitted side by side.

    done: told whose fit has ended, and the share of them that have.
    """
    distinct: list[tuple[str, Lesson]] = []
    same_as: dict[str, str] = {}
    for name, lesson in lessons.items():
        if len(lesson) < LEAST_LESSON or len(np.unique(lesson.levels)) < 2:
            continue
        twin = next((other for other, theirs in distinct if lesson.same(theirs)), name)
        same_as[name] = twin
        if twin == name:
            distinct.append((name, lesson))
    models: dict[str, SeverityModel] = {}
    with ThreadPoolExecutor(threads) as pool:
        for (name, _), model in zip(distinct, pool.map(lambda one: fit(one[1]), distinct), strict=True):
            models[name] = model
            done(name, len(models) / len(distinct))
    return {name: models[twin] for name, twin in same_as.items()}
