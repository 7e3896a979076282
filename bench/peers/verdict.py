"""The medians of the rounds, the ratios to ours, and what is demanded of them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from bench.peers.roster import OURS, STREAMS_DEFAULT, STREAMS_TUNED
from bench.peers.rounds import Measured

KEYS: Final = ("p50_ms", "p95_ms", "p99_ms", "max_ms")

Row = dict[str, Any]


def rates(measured: Measured) -> dict[str, dict[str, Row]]:
    """By rate and peer: medians of the percentiles, and every round's own beside them."""
    return {
        str(rate): {
            name: {key: _median([each[key] for each in rounds]) for key in KEYS} | {"rounds": [dict(r) for r in rounds]}
            for name, rounds in by_name.items()
        }
        for rate, by_name in measured.latency.items()
    }


def backlogs(measured: Measured) -> dict[str, Row]:
    """By peer: the median of messages a second, every round's own, and how many reports waited in each."""
    return {
        name: {"per_second": _median(rounds), "rounds": rounds, "waiting": measured.waiting[name]}
        for name, rounds in measured.backlog.items()
    }


def demands(by_rate: Mapping[str, Mapping[str, Row]]) -> list[Row]:
    """What the scorer has to reach against Kafka Streams at each rate, the whole job against a trivial score.

    At most an eighth of its default's p50; of its best settings, whichever is better for each figure, at most 1.5 times
    the p50 and 1.1 times the p99. A demand whose other side was not measured is left out.
    """
    found = []
    for rate, rows in by_rate.items():
        tuned = [rows[name] for name in STREAMS_TUNED if name in rows]
        if OURS not in rows:
            continue
        sides = [
            ("p50_ms", "Kafka Streams' default", 1 / 8, [rows[STREAMS_DEFAULT]] if STREAMS_DEFAULT in rows else [])
        ]
        sides += [("p50_ms", "its best setting", 1.5, tuned), ("p99_ms", "its best setting", 1.1, tuned)]
        for key, against, limit, others in sides:
            if others:
                ratio = rows[OURS][key] / min(other[key] for other in others)
                found.append({"rate": int(rate), "figure": key, "against": against, "ratio": ratio, "limit": limit,
                              "met": ratio <= limit})  # fmt: skip
    return found


def _median(values: list[float]) -> float:
    return float(np.median(values))
