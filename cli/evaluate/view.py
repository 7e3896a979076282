"""The figures of `severity evaluate` for people: tables and two pictures."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Final

from rich.console import Console
from rich.table import Table

from cli.evaluate.contest import CONTENDERS, OURS, Held, Material, Spread, Told
from severity.metrics import LEVELS
from trainer.offline.holdout import FLAGGED, Decisions, Doubts, Holdout, Published
from trainer.offline.plots import draw_confusion, draw_reliability
from trainer.offline.prequential import Rhythm

WIDTH: Final = 126
"""Columns of the output where it is no terminal."""

PUBLISHED: Final = "→ published"

SETS: Final = {
    "call": "time, place, kind of place",
    "details": "… with weapon and filing delay",
    "report": "… with the officer's written circumstances",
}


DELAYED: Final = (
    "  With drawn delays a fit lacks the outcomes of the newest weeks: fewer labels, and none of the days nearest to\n"
    "  the ones that are scored; early on the rules answer, and the frozen model stands on what came in first."
)


class View:
    """Prints tables to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console if console.is_terminal else Console(file=console.file, width=WIDTH)

    def material(self, material: Material) -> None:
        """Say what was read and what was skipped."""
        account = material.account
        say = self._console.print
        say(f"[bold]{material.source}[/]\n{material.city.note}", highlight=False)
        if material.recovered:
            say("recovered: pieced together from a broken file, a subset of the city's rows", highlight=False)
        say(
            f"{account.rows:,} rows, {account.reports:,} reports, {len(material.labelled):,} of them with a level; "
            f"skipped: {_reasons(account.by_reason())}",
            highlight=False,
        )
        for problem in account.problems:
            say(f"  line {problem.line}, {problem.report_id or 'no number'}: {problem.reason}: {problem.detail}")

    def holdout(self, material: Material, held: Held) -> None:
        """Tables of the figures on the newest tenth."""
        any_of = next(iter(held.values()))
        title = f"{material.source}: the newest {any_of.test_rows:,} reports, after {any_of.train_rows:,} to learn from"
        main = _table(title, "accuracy", "macro-F1", *(f"5 at {share:.0%}" for share in FLAGGED))
        for name in ("≥2 off", "≥2 too low", "person", "fit s"):
            main.add_column(name, justify="right")
        doubts = _table(f"{material.source}: probabilities and prediction sets", "log-loss", "ECE", "size")
        levels = _table(f"{material.source}: precision / recall / F1")
        support = any_of.decisions.levels
        for level in LEVELS:
            doubts.add_column(f"{level} in set", justify="right")
            levels.add_column(f"{level} ({support[level].support:,})", justify="right")
        for information in material.city.tells:
            for name in CONTENDERS:
                figures = held[information, name]
                shown = information if name == CONTENDERS[0] else ""
                last = name == CONTENDERS[-1]
                style = "bold" if name == OURS else None
                main.add_row(shown, name, *_main(figures), style=style)
                doubts.add_row(shown, name, *_doubts(figures.doubts), style=style, end_section=last)
                levels.add_row(shown, name, *_levels(figures.decisions), style=style)
                if figures.published:
                    main.add_row("", PUBLISHED, *_published(figures.published), end_section=last)
                    levels.add_row("", PUBLISHED, *_levels(figures.published.decisions), end_section=last)
        self._console.print(
            "", main, *(f"  {name}: {SETS[name]}" for name in material.city.tells), sep="\n", highlight=False
        )
        self._console.print(
            "  Levels are the most likely ones, floors off; published: after policy and floors. 5 at 10%: recall\n"
            "  of level 5 when the tenth likeliest to be level 5 is flagged. person: share that asks for one.",
            highlight=False,
        )
        self._console.print(
            "",
            doubts,
            "  ECE: expected calibration error. size: levels in a prediction set, on average. 5 in set: per cent of\n"
            "  level 5's reports whose set holds it, with a 95 % binomial interval; sets are calibrated on older ones.",
            "",
            levels,
            sep="\n",
            highlight=False,
        )

    def courses(self, material: Material, rhythm: Rhythm, told: Sequence[Told]) -> None:
        """Tables of all that competed, over all draws of the audit; by year where years are scored."""
        unit = {"D": "day", "Y": "year"}[rhythm.unit]
        for one in told:
            title = f"{material.source}: {unit} by {unit}, after {rhythm.first} {unit}s"
            table = Table(title=title, title_justify="left", title_style="bold")
            table.add_column("model")
            for name in ("accuracy", "macro-F1", "≥2 off", "≥2 too low", *(f"F1 of {level}" for level in LEVELS)):
                table.add_column(name, justify="right")
            courses = [*one.courses.values()]
            for name in one.models:
                f1 = (_figure(fmean(course.models[name].levels[level].f1 for course in courses)) for level in LEVELS)
                far = (_share(one.spread(name, figure).mean) for figure in ("far_off", "far_too_low"))
                main = (_spread(one.spread(name, figure)) for figure in ("accuracy", "macro_f1"))
                table.add_row(name, *main, *far, *f1)
            draws = f"mean (least–most) of {len(courses)} draws of the audit; " if len(courses) > 1 else ""
            last = courses[-1]
            by_rules = f"; the rules alone answered on {last.periods_by_rules} {unit}s" if last.periods_by_rules else ""
            self._console.print(
                "",
                table,
                f"  {draws}{one}.",
                f"  champion: retrained a {unit} earlier, what scores on when the gate refuses the newest.",
                f"  {last.reports:,} reports of {last.periods} {unit}s;"
                f" {last.known_outcomes:,} outcomes at the last fit;",
                f"  {sum(course.fit_seconds for course in courses):,.0f} s of fitting in all{by_rules}.",
                sep="\n",
                highlight=False,
            )
            if rhythm.unit == "Y":
                self._console.print("", _by_period(one), highlight=False)
        if len(told) > 1:
            self._console.print(DELAYED, highlight=False)

    def wrote(self, path: Path) -> None:
        """Say what was written."""
        self._console.print(f"wrote {path}", highlight=False)


def draw(material: Material, held: Held, folder: Path) -> list[Path]:
    """Write both pictures of the project's model with the whole report; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = held[material.headline, OURS]
    paths = [folder / "confusion.png", folder / "reliability.png"]
    found = figures.decisions
    title = f"{material.source}; newest {figures.test_rows:,} reports"
    draw_confusion(found.confusion, f"{title}\naccuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}", paths[0])
    draw_reliability(material.labelled.levels[-figures.test_rows :], figures.probabilities, title, paths[1])
    return paths


def _by_period(told: Told) -> Table:
    """Accuracy of each model in each period, mean over the draws."""
    courses = [*told.courses.values()]
    table = Table(title="accuracy", title_justify="left", title_style="bold")
    table.add_column("model")
    for period in courses[0].by_period:
        table.add_column(period, justify="right")
    for name in told.models:
        of = (fmean(course.by_period[period][name] for course in courses) for period in courses[0].by_period)
        table.add_row(name, *map(_figure, of))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("known")
    table.add_column("model", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _main(figures: Holdout) -> list[str]:
    found = figures.decisions
    recall = (_share(share) for share in figures.top_recall.values())
    far = _share(found.far_off), _share(found.far_too_low)
    return [_figure(found.accuracy), _figure(found.macro_f1), *recall, *far, "", f"{figures.fit_seconds:.1f}"]


def _published(published: Published) -> list[str]:
    found = published.decisions
    far = _share(found.far_off), _share(found.far_too_low)
    return [
        _figure(found.accuracy),
        _figure(found.macro_f1),
        *[""] * len(FLAGGED),
        *far,
        _share(published.needs_person),
    ]


def _doubts(doubts: Doubts | None) -> list[str]:
    if doubts is None:
        return []
    covered = (f"{_percent(c.share)} ({_percent(c.low)}–{_percent(c.high)})" for c in doubts.coverage.values())
    return [f"{doubts.log_loss:.3f}", f"{doubts.calibration_error:.3f}", f"{doubts.set_size:.2f}", *covered]


def _levels(decisions: Decisions) -> list[str]:
    return [f"{_figure(f.precision)}/{_figure(f.recall)}/{_figure(f.f1)}" for f in decisions.levels.values()]


def _figure(value: float) -> str:
    """Three digits after the point, as accuracy and F1 are told in this field."""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _spread(spread: Spread) -> str:
    mean, least, most = map(_figure, spread)
    return mean if least == most else f"{mean} ({least}–{most})"


def _share(value: float) -> str:
    return "–" if isnan(value) else f"{value:.0%}"


def _percent(value: float) -> str:
    return "–" if isnan(value) else f"{100 * value:.0f}"


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "none"
