"""Why later reports are covered less than was aimed at: `python -m bench.coverage --lapd FILE`.

Prediction sets promise a coverage of each level for reports that are exchangeable with those that calibrated them. Here
a model is fitted to a city's older reports, and what it says of the next ones is split in two, again and again by
chance and once by time. By chance the sets must keep their promise, whatever else is wrong; what the split by time
falls short of that is the city's change, or chance, which the spread over the random splits tells. The third figure
calibrates, by chance as well, on what a real agency would know: solved cases and an audit, with their weights.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import typer
from threadpoolctl import threadpool_limits

from bench.report import console, progress, table
from cad.cities import cities
from cli.evaluate.contest import Material, read
from severity import metrics
from severity.conformal import PredictionSets
from severity.model import SeverityModel
from trainer.judging.coverage import calibrate
from trainer.training.weights import chances, judging

CUTS: Final = (0.50, 0.55, 0.65, 0.765)
"""Shares of the reports that models are fitted to."""

CALIBRATING: Final = 0.135
TESTED: Final = 0.1
"""Shares that follow; with the last cut the three are all there is, as in `severity evaluate`."""

SPLITS: Final = 300
AUDITS: Final = 100
AUDIT: Final = 0.05
"""Splits by chance, those with redrawn audits, and the share that these grade."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Account:
    """Coverage of one level after one cut. `beyond`: share of random splits that covered no more than time's did."""

    cut: float
    level: int
    reports: int
    by_time: float
    by_chance: float
    spread: float
    beyond: float
    audited: float
    audited_spread: float


def covered(sets: PredictionSets, probabilities: Floats, levels: Ints) -> list[float]:
    """Share of each level's reports whose set holds it."""
    return [one.share for one in metrics.set_coverage(levels, sets.plausible(probabilities)).values()]


def by_chance(probabilities: Floats, levels: Ints, calibrating: int, times: int) -> Floats:
    """Coverage (times, 5) where those that calibrate are drawn from all."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(times):
        order = rng.permutation(len(levels))
        ours, others = order[:calibrating], order[calibrating:]
        sets = PredictionSets().fit(probabilities[ours], levels[ours])
        found.append(covered(sets, probabilities[others], levels[others]))
    return np.array(found)


def by_audits(
    probabilities: Floats, levels: Ints, solved: npt.NDArray[np.bool_], calibrating: int, times: int
) -> Floats:
    """The same where only solved cases and an audit are known of those that calibrate."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(times):
        order = rng.permutation(len(levels))
        graded = rng.random(calibrating) < AUDIT
        known = solved[order[:calibrating]] | graded
        ours, others, graded = order[:calibrating][known], order[calibrating:], graded[known]
        weights = judging(chances(np.where(graded, AUDIT, np.nan), solved[ours]))
        basis = np.where(graded, "audited", "solved")
        sets = calibrate(probabilities[ours], levels[ours], weights, basis)
        found.append(covered(sets, probabilities[others], levels[others]))
    return np.array(found)


def accounts(material: Material, cut: float) -> Iterator[Account]:
    """Fit to the share `cut`, split what follows."""
    labelled, n = material.labelled, len(material.labelled)
    begin, calibrating = int(n * cut), int(n * CALIBRATING)
    end = min(n, begin + calibrating + int(n * TESTED))
    model = SeverityModel().fit(labelled.reports[:begin], labelled.levels[:begin])
    p, levels = model.predict_proba(labelled.reports[begin:end]), labelled.levels[begin:end]
    sets = PredictionSets().fit(p[:calibrating], levels[:calibrating])
    time = covered(sets, p[calibrating:], levels[calibrating:])
    drawn = by_chance(p, levels, calibrating, SPLITS)
    audited = by_audits(p, levels, material.solved[begin:end], calibrating, AUDITS)
    for place, level in enumerate(metrics.LEVELS):
        yield Account(
            cut=cut,
            level=level,
            reports=int((levels[calibrating:] == level).sum()),
            by_time=time[place],
            by_chance=float(drawn[:, place].mean()),
            spread=float(drawn[:, place].std()),
            beyond=float((drawn[:, place] <= time[place]).mean()),
            audited=float(audited[:, place].mean()),
            audited_spread=float(audited[:, place].std()),
        )


def main(
    lapd: Annotated[Path, typer.Option(help="The city's file, from 2020 on.", exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Hold sets calibrated on older reports against sets calibrated on reports drawn by chance."""
    errors, found = console(), list[Account]()
    with threadpool_limits(1), progress(errors) as bar:
        material = read(cities()["lapd"], lapd)
        for cut in bar.track(CUTS, description="fitting and splitting"):
            found += accounts(material, cut)
    errors.print(
        table(
            f"{material.source}: coverage of each level, aimed at {PredictionSets().coverage:.0%}",
            ("fitted to", "level", "reports", "by time", "by chance", "±", "no more by chance", "by audits", "±"),
            [
                (
                    f"{one.cut:.1%}",
                    str(one.level),
                    str(one.reports),
                    f"{one.by_time:.3f}",
                    f"{one.by_chance:.3f}",
                    f"{one.spread:.3f}",
                    f"{one.beyond:.1%}",
                    f"{one.audited:.3f}",
                    f"{one.audited_spread:.3f}",
                )
                for one in found
            ],
        )
    )
    if as_json:
        typer.echo(json.dumps({"source": material.source, "accounts": [asdict(one) for one in found]}))


if __name__ == "__main__":
    typer.run(main)
