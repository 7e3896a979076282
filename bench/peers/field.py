"""The peers that could be had, running side by side on one broker, each on topics of its own."""

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.ground import Ground, ground, warm_up
from bench.load import Filer
from bench.peers.backlog import work_off
from bench.peers.latency import Way, measure
from bench.peers.missing import Missing
from bench.peers.program import COMMANDS, Program
from bench.peers.roster import Peer
from bench.worker import scorer
from cli.topics import topic_specs
from transport.topics import TopicSpec

PARTITIONS: Final = 4
START_SECONDS: Final = 60.0
PATIENCE: Final = 20.0
"""Seconds without any result after which a turn is given up; Quix Streams commits every 5 s by default."""


class TurnFailed(Exception):
    """A peer lost or doubled what it should not have, or gave nothing."""


@dataclass(slots=True)
class Field:
    """Running peers, and the next report's number: no number is used twice."""

    base: Ground
    filer: Filer
    left_out: dict[str, str]
    """Why others are not measured, by name."""
    running: list[Peer] = dataclasses.field(default_factory=list)
    _next: int = 0

    def latency(self, peer: Peer, rate: float, seconds: float) -> dict[str, float]:
        """Figures of one turn. Raises `TurnFailed`."""
        count = int(rate * seconds)
        way = self._measure(peer, count, rate, PATIENCE)
        _judge(peer, count, way.lost, way.doubled)
        return way.figures()

    def backlog(self, peer: Peer, count: int) -> float:
        """Messages a second of one turn. Raises `TurnFailed`."""
        first = self._numbers(count)
        done = work_off(self.base.kafka, peer, self.base.load, first, count, PATIENCE)
        _judge(peer, count, done.lost, done.doubled)
        return count / done.seconds

    def wait_for(self, peer: Peer) -> None:
        """Until it answers. Raises `TurnFailed`."""
        way = self._measure(peer, 20, 10.0, START_SECONDS)
        _judge(peer, 20, way.lost, 0)

    def _measure(self, peer: Peer, count: int, rate: float, patience: float) -> Way:
        return measure(self.base.kafka, peer, self.filer, self._numbers(count), count, rate, patience=patience)

    def _numbers(self, count: int) -> int:
        first = self._next
        self._next += count
        return first


def _judge(peer: Peer, count: int, lost: int, doubled: int) -> None:
    if lost or (doubled and peer.guarantee == "exactly once"):
        raise TurnFailed(f"of {count} reports {lost} had no result in time and {doubled} had two")


def prepared(peers: Sequence[Peer], console: Console) -> tuple[list[Peer], dict[str, str]]:
    """Fetch what each needs; who can run, and why the others cannot."""
    ready, missing = [], {}
    for peer in peers:
        console.print(f"Looking for what {peer.name} needs, fetching it the first time …")
        try:
            if peer.engine in COMMANDS:
                COMMANDS[peer.engine]()
        except Missing as error:
            missing[peer.name] = str(error)
        else:
            ready.append(peer)
    return ready, missing


@contextmanager
def started(peers: Sequence[Peer], brokers: int, lapd: Path | None, console: Console) -> Iterator[Field]:
    """A broker and all of `peers` that can be had on it, each answering. Raises `NoBroker`."""
    ready, missing = prepared(peers, console)
    names = {name for peer in ready for name in (peer.source, peer.sink)}
    contract = topic_specs(PARTITIONS)
    own = [TopicSpec(name, PARTITIONS) for name in sorted(names - {spec.name for spec in contract})]
    with ExitStack() as stack:
        base = stack.enter_context(ground(lapd, [*contract, *own], brokers, console))
        warm_up(base, console)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="severity-peers-")))
        field = Field(base, stack.enter_context(Filer(base.kafka, base.load)), missing)
        for peer in ready:
            console.print(f"Starting {peer.name} …")
            program = None
            if peer.engine == "scorer":
                stack.enter_context(scorer(base.kafka, base.keys)).wait()
            elif peer.engine in COMMANDS:
                program = stack.enter_context(Program(peer, base.kafka.bootstrap_servers, folder))
            try:
                field.wait_for(peer)
            except TurnFailed as failed:
                field.left_out[peer.name] = f"{failed}; {program.last_words() if program else 'it is up'}"
            else:
                field.running.append(peer)
        yield field
