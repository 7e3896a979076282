"""The medians of the rounds, the ratios to ours, and what is demanded of them."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.peers.roster import OURS, STREAMS_DEFAULT, STREAMS_TUNED
from bench.peers.rounds import Measured
from bench.report import Demand, medians

Row = dict[str, Any]


def rates(measured: Measured) -> dict[str, dict[str, Row]]:
    """By rate and peer: medians of the percentiles, and every round's own beside them."""
    return {
        str(rate): {name: {**medians(rounds), "rounds": rounds} for name, rounds in by_name.items()}
        for rate, by_name in measured.latency.items()
    }


def backlogs(measured: Measured) -> dict[str, Row]:
    """By peer: the median of messages a second, every round's own, and how many reports waited in each."""
    return {
        name: {"per_second": median(rounds), "rounds": rounds, "waiting": measured.waiting[name]}
        for name, rounds in measured.backlog.items()
    }


def demands(by_rate: Mapping[str, Mapping[str, Row]]) -> list[Demand]:
    """What the scorer has to reach against Kafka Streams at each rate, the whole job against a trivial score.

    At most an eighth of its default's p50; of its best settings, whichever is better for each figure, at most 1.5 times
    the p50 and 1.1 times the p99. A demand whose other side was not measured is left out.
    """
    found = []
    for rate, rows in by_rate.items():
        if OURS not in rows:
            continue
        for key, against, names, most in (
            ("p50_ms", "Kafka Streams' default", (STREAMS_DEFAULT,), 1 / 8),
            ("p50_ms", "its best setting", STREAMS_TUNED, 1.5),
            ("p99_ms", "its best setting", STREAMS_TUNED, 1.1),
        ):
            if others := [rows[name][key] for name in names if name in rows]:
                what = f"at {rate}/s, {OURS} {key.removesuffix('_ms')} / that of {against}"
                found.append(Demand(what, rows[OURS][key] / min(others), most=most))
    return found
