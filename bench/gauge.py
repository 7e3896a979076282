"""Whether the live gauge that stands for all reports keeps its word: `python -m bench.gauge --lapd FILE`.

One fixed stream of predictions over a replay of Los Angeles' reports, each week by the model of the week before, which
learned from solved and audited outcomes alone. Then the audit is drawn anew, again and again, and each time the gauge
is asked how good that stream was on *all* reports. The file knows the truth, so the interval can be held against it.
Beside it stands the gauge that only sees solved cases. The second half draws the days until an outcome is known, too,
and looks at the end of the replay, when many are still missing.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from cad.cities import cities
from cad.outcomes import Delays
from cli.evaluate.contest import Material, read
from severity import metrics
from severity.model import SeverityModel
from trainer.audits.draw import drawn
from trainer.judging.estimate import CONFIDENCE, Estimate, Figure, Population, estimate
from trainer.offline.outcomes import filing_days
from trainer.offline.prequential import FIRST_DAYS
from trainer.training.weights import chances, fitting

WIDE: Final = 120  # columns, also where no terminal says how many it has
WEEK: Final = 7
FIGURES: Final = ("accuracy", "macro_f1")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Reports that were scored, in order of filing. `left`: days from filing to the end of the replay."""

    names: list[tuple[str, str]]
    probabilities: Floats
    decided: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    solved: npt.NDArray[np.bool_]
    left: Floats


@dataclass(frozen=True, slots=True)
class Account:
    """One figure over all draws. `solved_only`: what the known solved cases alone would say, on average."""

    figure: str
    delays: bool
    truth: float
    mean: float
    spread: float
    coverage: float
    width: float
    solved_only: float
    graded: float


def stream(material: Material, audit_rate: float) -> Stream:
    """Score each week by a model of what was solved or, at the chance `audit_rate`, audited of the weeks before."""
    labelled = material.labelled
    days = filing_days(labelled.reports)
    names = [(report.agency_id, report.report_id) for report in labelled.reports]
    graded = _audit("of the stream", names, audit_rate)
    weight = fitting(chances(np.where(graded, audit_rate, np.nan), material.solved | ~graded))
    first = days[0] + FIRST_DAYS
    parts = []
    for begin in np.arange(first, days[-1] + 1, WEEK):
        known = (material.solved | graded) & (days < begin)
        past = labelled.pick(known)
        model = SeverityModel().fit(past.reports, past.levels, sample_weight=weight[known])
        start, end = np.searchsorted(days, [begin, begin + WEEK])
        parts.append(model.predict_proba(labelled.reports[start:end]))
    start = int(np.searchsorted(days, first))
    probabilities = np.concatenate(parts)
    return Stream(
        names=names[start:],
        probabilities=probabilities,
        decided=probabilities.argmax(axis=1) + 1,
        truth=labelled.levels[start:],
        solved=material.solved[start:],
        left=(days[-1] + 1 - days[start:]).astype(np.float64),
    )


def draws(stream: Stream, rate: float, times: int, *, delays: bool) -> Iterator[tuple[Estimate, Population]]:
    """The gauge after each redrawn audit, and what it was given. With `delays` these are redrawn as well."""
    for turn in range(times):
        graded = _audit(f"draw {turn}", stream.names, rate)
        solved = stream.solved
        if delays:
            late = Delays(seed=turn)
            solved = solved & _in_time(stream, late, "solved", solved)
            graded = graded & _in_time(stream, late, "audited", graded)
        truth = np.where(solved | graded, stream.truth, 0)
        population = Population(stream.decided, stream.probabilities, truth, solved, graded)
        yield estimate(population), population


def account(stream: Stream, rate: float, times: int, *, delays: bool) -> list[Account]:
    """Each figure over `times` draws beside the truth on all reports."""
    found, alone = [], []
    for estimated, population in draws(stream, rate, times, delays=delays):
        found.append(estimated)
        alone.append(_figures(stream.truth[population.by_case], stream.decided[population.by_case]))
    truths = _figures(stream.truth, stream.decided)
    accounts = []
    for name, truth, solved_only in zip(FIGURES, truths, np.mean(alone, axis=0).tolist(), strict=True):
        intervals: list[Figure] = [getattr(one, name) for one in found]
        values = np.array([one.value for one in intervals])
        accounts.append(
            Account(
                figure=name,
                delays=delays,
                truth=truth,
                mean=float(values.mean()),
                spread=float(values.std()),
                coverage=float(np.mean([one.lower <= truth <= one.upper for one in intervals])),
                width=float(np.mean([one.upper - one.lower for one in intervals])),
                solved_only=solved_only,
                graded=float(np.mean([one.graded for one in found])),
            )
        )
    return accounts


def _audit(key: str, names: list[tuple[str, str]], rate: float) -> npt.NDArray[np.bool_]:
    return np.array([drawn(key.encode(), *name, rate) for name in names])


def _in_time(stream: Stream, late: Delays, basis: str, asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the outcomes that are `asked` about come before the replay ends."""
    came = np.zeros(len(asked), dtype=np.bool_)
    for row in np.flatnonzero(asked).tolist():
        waited = late.draw("solved" if basis == "solved" else "audited", "/".join(stream.names[row]))
        came[row] = waited.total_seconds() / 86_400 < stream.left[row]
    return came


def _figures(truth: npt.NDArray[np.int64], decided: npt.NDArray[np.int64]) -> tuple[float, float]:
    return metrics.accuracy(truth, decided), metrics.macro_f1(truth, decided)


def table(accounts: list[Account], title: str) -> Table:
    """The accounts for people."""
    view = Table(title=title)
    for column in ("figure", "delays", "truth", "gauge", "± over draws", "covers", "width", "graded", "solved only"):
        view.add_column(column, justify="left" if column in ("figure", "delays") else "right")
    for one in accounts:
        view.add_row(
            one.figure,
            "drawn" if one.delays else "none",
            f"{one.truth:.4f}",
            f"{one.mean:.4f}",
            f"{one.spread:.4f}",
            f"{one.coverage:.1%}",
            f"{one.width:.4f}",
            f"{one.graded:.0f}",
            f"{one.solved_only:.4f} ({one.solved_only - one.truth:+.4f})",
        )
    return view


def main(
    lapd: Annotated[Path, typer.Option(help="The city's file, from 2020 on.", exists=True, dir_okay=False)],
    rate: Annotated[float, typer.Option(help="Share of reports that are drawn for a person to grade.")] = 0.05,
    times: Annotated[int, typer.Option(help="How often the audit is drawn.", min=2)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Redraw the audit over one stream of predictions and hold the gauge's interval against the truth."""
    errors = Console(stderr=True, width=None if sys.stderr.isatty() else WIDE)
    with threadpool_limits(1), errors.status("scoring week by week"):
        material = read(cities()["lapd"], lapd)
        scored = stream(material, rate)
    accounts = []
    for delays in (False, True):
        with errors.status(f"drawing {times} audits, delays {'drawn' if delays else 'none'}"):
            accounts += account(scored, rate, times, delays=delays)
    title = f"{material.source}: {len(scored.truth):,} reports, {times} audits of {rate:.0%}, {CONFIDENCE:.0%} interval"
    errors.print(table(accounts, title))
    if as_json:
        found = {"source": material.source, "reports": len(scored.truth), "rate": rate, "draws": times}
        typer.echo(json.dumps(found | {"figures": [asdict(one) for one in accounts]}))


if __name__ == "__main__":
    typer.run(main)
