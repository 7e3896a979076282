"""How fast the forest kernel is beside scikit-learn, on the same rows and in the same run: `python -m bench.forest`.

Every row is first checked for equality. Then all contestants take turns, round by round, so that a busy neighbour
slows them alike. scikit-learn runs on one thread: that is its best for one row, and on a shared machine for batches.
"Reasons" are one level's attributions. "× faster" is beside scikit-learn's `predict_proba`, of one row or of a batch,
in the same round; turning raw scores into probabilities is a share of its time too small to see in one row.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

import numba
import numpy as np
import sklearn
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from severity.forest import Forest, check
from severity.forest_kernel import explain_row, score_row

SEED = 20230101
ROWS = 20_000  # generated; the model is fitted to all, every one is checked
TREES_A_CLASS = 120
ONE_ROW = "scikit-learn, 1 row"
BATCH = "scikit-learn, 4096 rows"


@dataclass(frozen=True, slots=True)
class Contest:
    """Something to time: `run` treats `rows` rows; its pace is set against that of the one named `against`."""

    name: str
    rows: int
    run: Callable[[], object]
    against: str


def data(n_features: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows (ROWS, n_features) with a tenth missing, and levels 1 to 5 that depend on them and on chance."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(ROWS, n_features))
    score = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + X[:, 4:20].sum(axis=1) / 8 + rng.normal(size=ROWS)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, np.digitize(score, [-1.5, -0.3, 0.8, 2.0]) + 1


def contests(model: HistGradientBoostingClassifier, forest: Forest, X: NDArray[np.float64]) -> list[Contest]:
    """All contestants. One-row ones treat many rows, one a call: the call from Python is part of the figure."""
    cells, leaves = np.empty(2 * forest.n_features + 1), np.empty(forest.n_trees, dtype=np.uint32)
    raw, contributions = np.empty(len(forest.baseline)), np.empty(forest.n_features)
    many, few, trees = X[:2000], X[:20], forest.trees

    def one_row_raw() -> None:
        for x in many:
            score_row(trees, x, cells, leaves, raw)

    def one_row_with_reasons() -> None:
        for x in many:
            explain_row(trees, x, 3, cells, leaves, raw, contributions)

    def one_row_convenient() -> None:
        for x in many:
            forest.explain(x, 3)

    def scikit_learn_one_row() -> None:
        for x in few:
            model.predict_proba(x[np.newaxis])

    def in_batches(n: int) -> Callable[[], None]:
        batches = [X[start : start + n] for start in range(0, 4096, n)]

        def run() -> None:
            for batch in batches:
                forest.raw(batch)

        return run

    return [
        Contest("kernel raw, 1 row", len(many), one_row_raw, ONE_ROW),
        Contest("kernel raw and reasons, 1 row", len(many), one_row_with_reasons, ONE_ROW),
        Contest("Forest.explain, 1 row", len(many), one_row_convenient, ONE_ROW),
        Contest(ONE_ROW, len(few), scikit_learn_one_row, ONE_ROW),
        *(Contest(f"kernel raw, {n} rows", 4096, in_batches(n), BATCH) for n in (64, 512, 4096)),
        Contest(BATCH, 4096, lambda: model.predict_proba(X[:4096]), BATCH),
    ]


def measure(field: list[Contest], rounds: int) -> list[dict[str, Any]]:
    """Microseconds a row of each contest, and how many times faster it was than its rival in the same round."""
    for contest in field:
        contest.run()
    pace: dict[str, list[float]] = {contest.name: [] for contest in field}
    for _ in range(rounds):
        for contest in field:
            start = time.perf_counter()
            contest.run()
            pace[contest.name].append((time.perf_counter() - start) / contest.rows * 1e6)
    results = []
    for contest in field:
        own, rival = pace[contest.name], pace[contest.against]
        ratios = [theirs / ours for ours, theirs in zip(own, rival, strict=True)]
        results.append(
            {"name": contest.name, "against": contest.against}
            | {"us_per_row": {"median": median(own), "least": min(own), "most": max(own)}}
            | {"times_faster": {"median": median(ratios), "least": min(ratios)}}
        )
    return results


def table(n_features: int, results: list[dict[str, Any]]) -> Table:
    """The results for people."""
    view = Table(title=f"{n_features} columns, 5 classes × {TREES_A_CLASS} trees, µs a row")
    for column in ("", "median", "least", "most", "× faster", "least"):
        view.add_column(column, justify="right" if column else "left", no_wrap=True)
    for result in results:
        figures = [*result["us_per_row"].values(), *result["times_faster"].values()]
        view.add_row(result["name"], *(f"{figure:,.{1 if figure < 100 else 0}f}" for figure in figures))
    return view


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    rounds: Annotated[int, typer.Option(min=5, help="Rounds in which the contestants take turns.")] = 7,
    columns: Annotated[list[int], typer.Option(min=20, help="Widths to measure; give it several times.")] = [25, 175],  # noqa: B006  # typer reads it, nobody writes it
) -> None:
    """Fit a forest of five classes to generated rows, check every row, then time kernel and scikit-learn in turns."""
    err = Console(stderr=True)
    forests = []
    for n_features in columns:
        err.print(f"Fitting {TREES_A_CLASS} trees a class to {ROWS:,} rows of {n_features} columns …")
        X, y = data(n_features)
        with threadpool_limits(1):
            model = HistGradientBoostingClassifier(max_iter=TREES_A_CLASS, early_stopping=False).fit(X, y)
            expected = model._raw_predict(X)
            forest = Forest.from_sklearn(model)
            check(forest, X, expected)
            difference = float(np.abs(forest.raw(X) - expected).max())
            err.print(f"All {ROWS:,} rows checked: largest difference {difference:.1g}, attributions add up.")
            results = measure(contests(model, forest, X), rounds)
        err.print(table(n_features, results))
        forests.append(
            {"features": n_features, "trees": forest.n_trees, "rows_checked": ROWS, "largest_difference": difference}
            | {"rounds": rounds, "results": results}
        )
    if as_json:
        versions = {
            "python": platform.python_version(),
            "scikit_learn": sklearn.__version__,
            "numba": numba.__version__,
        }
        print(json.dumps({"versions": versions, "cpus": os.cpu_count(), "seed": SEED, "forests": forests}))


if __name__ == "__main__":
    typer.run(main)
