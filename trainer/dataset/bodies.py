"""Stored reports that are read when they are asked for: a million of them as objects would take seven gigabytes."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.crime_report import CrimeReport

Places = slice | npt.NDArray[np.integer] | npt.NDArray[np.bool_]
"""Which of the reports: a slice, an array of their places, or an array of whether each is meant."""


class Bodies(Sequence[CrimeReport]):
    """Reports whose JSON stands in the column `bodies`; one place gives a report, several give another `Bodies`."""

    def __init__(self, bodies: pa.ChunkedArray) -> None:
        self.json = bodies
        """The reports as they are stored."""

    def __len__(self) -> int:
        return len(self.json)

    @overload
    def __getitem__(self, place: int) -> CrimeReport: ...
    @overload
    def __getitem__(self, place: Places) -> "Bodies": ...
    def __getitem__(self, place: int | Places) -> "CrimeReport | Bodies":
        if isinstance(place, int | np.integer):
            return CrimeReport.model_validate_json(self.json[int(place)].as_py())
        if isinstance(place, slice):
            begin, end, step = place.indices(len(self))
            if step == 1:
                return Bodies(self.json.slice(begin, max(end - begin, 0)))
            place = np.arange(begin, end, step)
        return Bodies(self.json.filter(pa.array(place)) if place.dtype == np.bool_ else self.json.take(pa.array(place)))

    def __iter__(self) -> Iterator[CrimeReport]:
        for chunk in self.json.chunks:
            yield from map(CrimeReport.model_validate_json, chunk.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like a list, which is equal to it
