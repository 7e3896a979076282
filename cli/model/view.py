"""Releases and differences for people."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from cli.model.desk import Desk
from severity.artefact.proof import Proved
from trainer.judging.difference import Changed, Difference

WIDTH: Final = 150
"""Columns where the output is no terminal."""

SHOWN_GROUPS: Final = 15
"""Largest groups of each kind that a person is shown."""


def console() -> Console:
    """On standard output."""
    made = Console()
    return made if made.is_terminal else Console(width=WIDTH)


def show_list(desk: Desk, out: Console) -> None:
    """One line a release."""
    table = Table(title=f"{desk.settings.model_name}: releases in {desk.store.url}", title_justify="left")
    for heading in ("release", "digest", "role", "made", "rows", "accuracy", "macro-F1", "verdict", "loaded by"):
        table.add_column(heading, justify="right" if heading in ("release", "rows", "accuracy", "macro-F1") else "left",
                         no_wrap=heading in ("digest", "made"))  # fmt: skip
    now = desk.champion
    for one in desk.known:
        facts = one.manifest
        scores = now is not None and now.digest == one.digest
        refusals = [f"{answer.instance}: {answer.reason}" for answer in desk.refused_by(one.digest)]
        by = ", ".join([*desk.loaded_by(one.digest), *refusals]) or "–"
        role = "scores" if scores else facts.role
        table.add_row(
            str(facts.release), one.digest[:12], role, f"{facts.created_at:%Y-%m-%d %H:%M}", f"{facts.rows:,}",
            figure(facts.metrics.get("accuracy")), figure(facts.metrics.get("macro_f1")),
            shortened(facts.verdict, 60), by, style="bold" if scores else None,
        )  # fmt: skip
    out.print(table, markup=False)
    for line in footnotes(desk):
        out.print(line, markup=False, highlight=False)


def footnotes(desk: Desk) -> list[str]:
    """What a reader of the list must know besides."""
    lines = []
    if desk.away:
        lines.append(f"which release scores is not known: {desk.away}")
    digests = {one.digest for one in desk.known}
    gone = sorted({(version.release, version.digest) for version in desk.versions if version.digest not in digests})
    if gone:
        lines.append("announced, but not in the store or not properly signed: " + ", ".join(
            f"{release} ({digest[:12]})" for release, digest in gone))  # fmt: skip
    return lines


def show_one(desk: Desk, one: Proved, out: Console) -> None:
    """The manifest and the answers of the scorers."""
    facts = one.manifest
    table = Table(title=f"{facts.name}, release {facts.release}", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.model_dump(mode="json").items():
        table.add_row(name, words(value))
    out.print(table, markup=False)
    answers = [answer for answer in desk.answers.values() if answer.digest == one.digest]
    for answer in sorted(answers, key=lambda answer: answer.instance):
        why = f": {answer.reason}: {answer.detail}" if answer.reason else ""
        out.print(f"{answer.instance}: {answer.result}{why}, {answer.at:%Y-%m-%d %H:%M:%S}", markup=False)
    for line in footnotes(desk):
        out.print(line, markup=False, highlight=False)


def show_difference(found: Difference, out: Console, names: tuple[int, int], days: float) -> None:
    """Over all and by group."""
    before, after = names
    total = found.total
    title = f"release {before} → {after}: {total.reports:,} reports of the last {days:g} days, floors and policy on"
    table = Table(title=title, title_justify="left")
    for heading in ("group", "", "reports", "changed", "share", "higher", "lower", "to 5", "from 5"):
        table.add_column(heading, justify="left" if heading in ("group", "") else "right")
    table.add_row("all", "", *cells(total), style="bold", end_section=True)
    for kind, groups in found.groups.items():
        largest = list(groups.items())[:SHOWN_GROUPS]
        for name, changed in largest:
            table.add_row(kind, name, *cells(changed))
        rest = len(groups) - len(largest)
        if rest:
            table.add_row(kind, f"and {rest} smaller ones: --json")
        table.add_section()
    out.print(table, markup=False)
    moves = ", ".join(f"{old}→{new}: {count}" for (old, new), count in found.moves.items())
    out.print(moves or "no report changes its level", markup=False, highlight=False)


def cells(changed: Changed) -> Sequence[str]:
    """Counts of one row."""
    counts = (changed.up, changed.down, changed.to_gravest, changed.from_gravest)
    return f"{changed.reports:,}", f"{changed.changed:,}", f"{changed.share:.1%}", *(f"{count:,}" for count in counts)


def words(value: object) -> str:
    """A field of the manifest in a line or, of many, a line each."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {figure(v) if isinstance(v, float) else v}" for name, v in value.items())
    return "–" if value is None else str(value)


def figure(value: float | None) -> str:
    """Three digits, as these figures are told."""
    return "–" if value is None else f"{value:.3f}"


def shortened(text: str, most: int) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
