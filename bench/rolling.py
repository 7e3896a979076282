"""The load of a rolling restart, as `deploy/rolling` drives it: files reports, hears their priorities, judges both.

    python -m bench.rolling --rate 200

files until standard input ends; each line that comes there until then names what is being done to the services. The
result is one JSON object on standard output. Nobody else may file meanwhile.
"""

import json
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final

import numpy as np
import typer

from bench.arrivals import Arrivals
from bench.chaos_report import Event
from bench.checking import check
from bench.filing import Filing
from bench.load import MOST_TEMPLATES, Load
from bench.topic_reading import end_offsets
from cad.simulated import SimulatedCity
from schemas import topics
from transport.settings import KafkaSettings

PATIENCE_SECONDS: Final = 60.0
"""Without an arrival, at the end, until what is missing is taken for lost."""

SETTLE_SECONDS: Final = 2.0
"""Of filing before anything is done to the services: until then nothing that is late is their doing."""

MOST_GAPS: Final = 10


def run(rate: float) -> dict[str, Any]:
    """File until standard input ends, then judge."""
    kafka = KafkaSettings()
    servers = kafka.bootstrap_servers
    now = datetime.now(UTC)
    load = Load.of([case.report for case in islice(SimulatedCity(1, now), MOST_TEMPLATES)], now)
    start = end_offsets(servers, [topics.PRIORITIES, topics.PRIORITIES_EXERCISE])
    events: list[Event] = []
    with Arrivals(servers) as arrivals, Filing(kafka, load, rate) as filing:
        time.sleep(SETTLE_SECONDS)
        since = time.perf_counter()
        print("filing", flush=True)
        events += [Event(time.perf_counter(), line.strip(), "") for line in sys.stdin]
        until = time.perf_counter()
        filing.stop()
        _worked_off(arrivals, len(filing.sent))
    verdict = check(servers, filing.sent, start=start)
    waits = arrivals.waits(np.array(filing.times))
    gaps = sorted(arrivals.gaps(since, until), key=lambda gap: -gap.seconds)
    return {
        "sent": verdict.sent,
        "priorities": verdict.priorities,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "longest_gap_s": round(gaps[0].seconds, 2) if gaps else 0.0,
        "faults": verdict.faults,
        "examples": verdict.examples,
        "wait_s": {"p50": float(np.nanmedian(waits)), "max": float(np.nanmax(waits))},
        "seconds": round(until - since, 1),
        "events": [[round(event.at - since, 1), event.kind] for event in events],
        "longest_gaps": [[round(gap.begin - since, 1), round(gap.seconds, 2)] for gap in gaps[:MOST_GAPS]],
    }


def _worked_off(arrivals: Arrivals, count: int) -> None:
    """Wait until so many priorities have arrived, or none has for a long time."""
    before, moved = -1, time.monotonic()
    while arrivals.count < count and time.monotonic() - moved < PATIENCE_SECONDS:
        if arrivals.count > before:
            before, moved = arrivals.count, time.monotonic()
        time.sleep(0.1)


def main(rate: Annotated[float, typer.Option(help="Reports a second.", min=1)] = 200.0) -> None:
    """File reports until standard input ends and judge what came of them; see deploy/rolling."""
    print(json.dumps(run(rate)))


if __name__ == "__main__":
    typer.run(main)
