"""How long reports take through a running peer, filed at a steady rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.load import Filer, Listener, ends
from bench.peers.roster import Peer
from transport.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Way:
    """Milliseconds from each report's handing over to its result at a reader of committed messages."""

    milliseconds: NDArray[np.float64]
    lost: int
    doubled: int

    def figures(self) -> dict[str, float]:
        """Percentiles without the first tenth, in which connections wake up."""
        steady = self.milliseconds[len(self.milliseconds) // 10 :]
        p50, p95, p99 = np.percentile(steady, [50, 95, 99])
        return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99), "max_ms": float(steady.max())}


def measure(
    kafka: KafkaSettings, peer: Peer, filer: Filer, first: int, count: int, rate: float, *, patience: float
) -> Way:
    """File `count` reports from number `first` on at `rate` a second; wait until nothing comes for `patience` s."""
    with Listener(kafka, ends(kafka, [peer.sink])) as listener:
        filer.begin(peer.source, first, count, rate)
        sent = filer.sent()
        heard = listener.heard(first, count, patience)
    came = heard.arrived > 0
    return Way((heard.arrived - sent)[came] / 1e6, int(np.count_nonzero(~came)), heard.again)
