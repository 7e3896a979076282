"""How long a training takes as rows grow: `python -m bench.train [--json]`.

Labelled reports of the simulated city are put into a dataset of their own: all cases are told, and one in twenty is
drawn and graded instead. On each number of rows two trainings run, as the trainer runs them, in a process of their own:
the first makes a champion, and after a last day of reports the second one reads, joins, fits (its own twin, those of
the champion and the best before it, and the release itself), evaluates, goes through the gate, signs and writes. The
second is measured: seconds by stage, processor seconds and peak memory of its process.

The demands: a million rows in 75 s of fitting and 150 s in all on two cores, in 4 GB.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from matplotlib.figure import Figure

from bench.report import FAINT, INK, Demand, console, load_average, machine, plain, progress, save, table, titled
from cad.city import Case
from cad.simulated import SimulatedCity
from schemas.solved_case import AuditAnswer, SolvedCase
from severity.artefact.keys import new_pair
from trainer.audits.draw import drawn
from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import OUTCOMES, REPORTS, columns, outcome_row, report_row
from trainer.dataset.tables import mark
from trainer.training.job import Job, Result

ROWS: Final = (10_000, 30_000, 100_000, 300_000, 1_000_000)
AT_A_TIME: Final = 20_000
PER_DAY: Final = 2_000
"""Reports a day: a million are 500 days."""

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
KNOWN_AFTER: Final = timedelta(days=3)
AUDIT: Final = 0.05
KEY: Final = b"bench"
MOST_SECONDS: Final = {"fitting": 75.0, "all": 150.0}
MOST_GIB: Final = 4.0

COLOURS: Final = {
    "reading": "#8a97a3",
    "facts": "#8fbc94",
    "fitting": "#1f6f9f",
    "evaluating": "#7fb3d5",
    "gate": "#3f7d4a",
    "writing": "#c9a35b",
}
"""Of the stages, in their order."""

MEASURED: Final = (  # the trainer's own program, then what it used: memory in kilobytes, on macOS in bytes
    "import resource, sys, trainer.training.run as t; t.main(); r = resource.getrusage(resource.RUSAGE_SELF);"
    'print(f\'{{"cpu": {r.ru_utime + r.ru_stime}, "peak": {r.ru_maxrss}}}\', file=sys.stderr)'
)


def cases() -> Iterator[Case]:
    """Cases that can be labelled, without end."""
    city = SimulatedCity(1, BEGIN, per_day=PER_DAY)
    return (case for case in city if case.report.status == "Actual" and not case.outcome.unfounded)


def fill(dataset: Dataset, source: Iterator[Case], first: int, rows: int) -> None:
    """Put the next `rows` cases into the tables, at offsets from `first` on, as intake would."""
    for start in range(first, first + rows, AT_A_TIME):
        some = list(islice(source, min(AT_A_TIME, first + rows - start)))
        reports = [report_row(("crime-reports", 0, start + place), case.report) for place, case in enumerate(some)]
        outcomes = [outcome_row(("solved-cases", 0, start + place), _outcome(case)) for place, case in enumerate(some)]
        end = start + len(some)
        dataset["reports"].append(columns(reports, REPORTS), {mark("crime-reports", 0): end})
        dataset["outcomes"].append(columns(outcomes, OUTCOMES), {mark("solved-cases", 0): end})


def _outcome(case: Case) -> SolvedCase:
    report = case.report
    audited = drawn(KEY, report.agency_id, report.report_id, AUDIT)
    return SolvedCase(
        agency_id=report.agency_id,
        report_id=report.report_id,
        case_status=case.outcome.status,
        basis="audited" if audited else "solved" if case.outcome.cleared else "classified",
        closed_at=report.reported_at + KNOWN_AFTER,
        offences=case.outcome.offences,
        audit=AuditAnswer(request_id=report.report_id, probability=AUDIT) if audited else None,
    )


def measure(job: Job) -> dict[str, Any]:
    """Run one training in a process of its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, job.model_dump_json()],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"the training failed: {done.stderr[-2000:]}")
    used = json.loads(done.stderr.strip().splitlines()[-1])
    result = Result.model_validate(json.loads(done.stdout.strip().splitlines()[-1])["result"])
    figures = result.version.metrics if result.version else {}
    return {
        "rows": result.rows,
        "stages": result.seconds,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used["cpu"], 1),
        "peak_gib": round(used["peak"] / (2**30 if sys.platform == "darwin" else 2**20), 2),
        "accuracy": figures.get("accuracy"),
        "macro_f1": figures.get("macro_f1"),
        "all_macro_f1": figures.get("all_macro_f1"),
        "verdict": result.verdict,
        "digest": result.version.digest if result.version else None,
        "promoted": result.promoted,
        "load_average": load_average(),
    }


def one_size(folder: Path, rows: int, threads: int) -> dict[str, Any]:
    """Make a champion of all but the last day's reports, then measure the training after that day."""
    dataset, source = Dataset(folder / "dataset"), cases()
    day = min(PER_DAY, rows // 10)
    fill(dataset, source, 0, rows - day)
    key, _ = new_pair(folder / "keys")
    job = Job(
        dataset=folder / "dataset",
        artefacts=folder / "releases",
        signing_key=key,
        levels=None,
        model_name="severity",
        release=1,
        parent=None,
        now=BEGIN,
        expires_days=30,
        threads=threads,
    )
    first = measure(job)
    fill(dataset, source, rows - day, day)
    return measure(job.model_copy(update={"release": 2, "parent": first["digest"] if first["promoted"] else None}))


def picture(measured: Sequence[dict[str, Any]]) -> Figure:
    """Seconds by stage, stacked, and the memory, by rows."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    names = [f"{one['rows']:,}" for one in measured]
    below = [0.0] * len(measured)
    for stage, colour in COLOURS.items():
        heights = [one["stages"].get(stage, 0.0) for one in measured]
        left.bar(names, heights, bottom=below, color=colour, label=stage, width=0.6)
        below = [a + b for a, b in zip(below, heights, strict=True)]
    left.axhline(MOST_SECONDS["all"], color=FAINT, linewidth=0.8, linestyle="--")
    left.set_ylabel("seconds", color=INK)
    left.legend(frameon=False, labelcolor=INK, reverse=True)
    right.plot(names, [one["peak_gib"] for one in measured], color=COLOURS["fitting"], marker="o")
    right.axhline(MOST_GIB, color=FAINT, linewidth=0.8, linestyle="--")
    right.set_ylabel("peak memory, GiB", color=INK)
    right.set_ylim(bottom=0)
    for axes in (left, right):
        plain(axes)
        axes.set_xlabel("labelled reports", color=INK)
    where = machine()
    below_it = f"{where['cpu']}, {where['cores']} cores; dashed: the demand at a million"
    titled(figure, "A training, from the dataset to a signed release", below_it)
    return figure


def demands(measured: Sequence[dict[str, Any]]) -> list[Demand]:
    """What must hold at the greatest number of rows."""
    last = max(measured, key=lambda one: int(one["rows"]))
    at = f"{last['rows']:,} rows"
    return [
        Demand(f"fitting {at}", last["stages"]["fitting"], most=MOST_SECONDS["fitting"], unit=" s"),
        Demand(f"all of {at}", last["seconds"], most=MOST_SECONDS["all"], unit=" s"),
        Demand(f"peak memory at {at}", last["peak_gib"], most=MOST_GIB, unit=" GiB"),
    ]


def main(
    rows: Annotated[list[int] | None, typer.Option(help="Labelled reports; again for more sizes.")] = None,
    threads: Annotated[int, typer.Option(help="Fits that run side by side.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for train.json and train.png.")] = Path("bench-results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure trainings of growing size."""
    on = console()
    measured = []
    sizes = sorted(rows or ROWS)
    with progress(on) as bar:
        task = bar.add_task("training", total=len(sizes))
        for size in sizes:
            bar.update(task, description=f"{size:,} rows")
            with tempfile.TemporaryDirectory() as folder:
                measured.append(one_size(Path(folder), size, threads))
            bar.advance(task)
    result = {"machine": machine(), "threads": threads, "trainings": measured}
    result["demands"] = [one.as_json() for one in demands(measured)]
    heads = ["rows", *COLOURS, "all s", "cpu s", "GiB", "accuracy", "macro-F1", "load"]
    on.print(
        table(
            f"Seconds of a training by stage, {threads} fits side by side",
            heads,
            [
                [
                    f"{one['rows']:,}",
                    *(f"{one['stages'].get(stage, 0):.1f}" for stage in COLOURS),
                    *(f"{one[name]:.1f}" for name in ("seconds", "cpu_seconds")),
                    f"{one['peak_gib']:.2f}",
                    *(f"{one[name] or 0:.3f}" for name in ("accuracy", "macro_f1")),
                    f"{(one['load_average'] or [0])[0]:.1f}",
                ]
                for one in measured
            ],
        )
    )
    for one in demands(measured):
        on.print(str(one))
    save(result, picture(measured), out, "train", on)
    if as_json:
        print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
