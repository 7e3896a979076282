"""Guard: no column that is only known later, or that describes a victim, changes a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cad.city import City, Row
from schemas.crime_report import CrimeReport


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that changed a report, and the row (its place in the sample) where it was seen."""

    column: str
    row: int


def find_leaks(city: City, rows: Sequence[Row], to_report: Callable[[Row], CrimeReport] | None = None) -> list[Leak]:
    """Exchange every column that a report may not show and see whether a report changes.

    Those are the columns that `city` takes away, and the outcome's even if it does not. Each in turn is given each
    other value that it has anywhere in `rows`, and is emptied. `rows`: at least one whole row of the file, readable
    without error. `to_report` makes a report from a whole row, by default in the city's own way. A mapper that fails
    when a hidden column changes has looked at it: that is a leak as well.
    """
    make = to_report or city.report_of
    honest = [make(row) for row in rows]
    shown = set(city.report_columns) - set(city.outcome_columns)
    leaks = []
    for column in (name for name in rows[0] if name not in shown):
        values = {row[column] for row in rows} | {""}
        for place, row in enumerate(rows):
            if any(_report(make, {**row, column: value}) != honest[place] for value in values):
                leaks.append(Leak(column, place))
                break
    return leaks


def _report(make: Callable[[Row], CrimeReport], row: Row) -> CrimeReport | None:
    try:
        return make(row)
    except ValueError:
        return None
