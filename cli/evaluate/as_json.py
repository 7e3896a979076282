"""The figures of `severity evaluate` as one JSON object for programs."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isnan
from typing import Final, get_args

from cli.evaluate.contest import CONTENDERS, OURS, Figure, Held, Material, Told
from trainer.offline.holdout import Holdout

FIGURES: Final[tuple[Figure, ...]] = get_args(Figure)


def as_json(material: Material, held: Held) -> dict[str, object]:
    """Everything that was found, `holdout` being the project's model with the whole report."""
    by_set = {
        information: _holdout(held[information, OURS])
        | {name: _holdout(held[information, name]) for name in CONTENDERS if name != OURS}
        for information in material.city.tells
    }
    return {
        "city": material.city.name,
        "file": material.file.name,
        "recovered": material.recovered,
        "rows": material.account.rows,
        "skipped_rows": material.account.by_reason(),
        "holdout": _holdout(held[material.headline, OURS]),
        **{name: _holdout(held[material.headline, name]) for name in CONTENDERS if name != OURS},
        "information": by_set,
    }


def told_as_json(told: Told) -> dict[str, object]:
    """The figures period by period: over all draws of the audit, and of each draw."""
    return {
        "outcomes": told.outcomes,
        "delay": str(told.delays) if told.delays else None,
        "ceiling": told.ceiling,
        "models": {
            name: {
                figure: {"mean": spread.mean, "least": spread.least, "most": spread.most}
                for figure, spread in (
                    ("accuracy", told.spread(name, "accuracy")),
                    ("macro_f1", told.spread(name, "macro_f1")),
                )
            }
            for name in told.models
        },
        "draws": {key: _object(course) for key, course in told.courses.items()},
    }


def _holdout(figures: Holdout) -> dict[str, object]:
    """One contender's figures, those of its most likely levels first; without the probabilities themselves."""
    found = _object(figures)
    del found["probabilities"]
    decisions = _object(figures.decisions)
    return decisions | {name: value for name, value in found.items() if name != "decisions"}


def _object(record: object) -> dict[str, object]:
    """A dataclass or named tuple as a JSON object."""
    if isinstance(record, tuple) and hasattr(record, "_asdict"):
        return {name: _plain(value) for name, value in record._asdict().items()}
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}  # type: ignore[arg-type]  # a dataclass


def _plain(value: object) -> object:
    if is_dataclass(value) or hasattr(value, "_asdict"):
        return _object(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and isnan(value) else value
