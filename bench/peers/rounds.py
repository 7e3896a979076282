"""The rounds: every peer's turn one after the other, in an order that moves on from round to round."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bench.peers.field import Field, TurnFailed
from bench.peers.roster import Peer
from bench.report import load_average

T = TypeVar("T")

FIRST_BACKLOG: Final = 2_000
MOST_SECONDS: Final = 8.0
"""A backlog is as large as the peer works off in this time by what its last one showed, if that is less than planned:
one that takes a thousand a second tells no more with a hundred thousand."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rates: Sequence[int]
    """Reports a second."""
    seconds: float
    """At each rate."""
    backlog: int
    """Reports, at most."""
    rounds: int


@dataclass(slots=True)
class Measured:
    """Every turn's figures, by round."""

    latency: dict[int, dict[str, list[dict[str, float]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """By rate and peer."""
    backlog: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Messages a second, by peer."""
    waiting: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """How many reports those backlogs had."""
    load_averages: list[list[float] | None] = field(default_factory=list)
    """Of the machine, before each round."""


def order(peers: Sequence[T], number: int, rounds: int) -> list[T]:
    """The peers as round `number` takes them: each round starts further on."""
    start = number * len(peers) // rounds
    return [*peers[start:], *peers[:start]]


def turns_of(plan: Plan, peers: int) -> int:
    """How many turns there are, warm-up included."""
    return (plan.rounds + 1) * peers * (len(plan.rates) + 1)


def run(field: Field, plan: Plan, tell: Callable[[str], None], done: Callable[[], None]) -> Measured:
    """A round that does not count, for warm brokers, JITs and caches, then the others. `done` after each turn.

    A peer that fails is left out from then on, with the reason in `field.left_out`.
    """
    measured, speeds = Measured(), dict[str, float]()

    def turns(peer: Peer, into: Measured, name: str) -> None:
        if peer.engine != "none":
            tell(f"{name}: {peer.name}, backlog")
            if peer.name not in speeds:
                speeds[peer.name] = field.backlog(peer, min(FIRST_BACKLOG, plan.backlog))
            count = min(plan.backlog, max(FIRST_BACKLOG, int(speeds[peer.name] * MOST_SECONDS)))
            speeds[peer.name] = field.backlog(peer, count)
            into.backlog[peer.name].append(speeds[peer.name])
            into.waiting[peer.name].append(count)
        done()
        for rate in plan.rates:
            tell(f"{name}: {peer.name}, {rate}/s")
            into.latency[rate][peer.name].append(field.latency(peer, rate, plan.seconds))
            done()

    for number in range(-1, plan.rounds):
        into, name = (Measured(), "warm-up") if number < 0 else (measured, f"round {number + 1}")
        into.load_averages.append(load_average())
        for peer in order(field.running, max(number, 0), plan.rounds):
            try:
                turns(peer, into, name)
            except TurnFailed as failed:
                field.left_out[peer.name] = f"{name}: {failed}"
                field.running.remove(peer)
    return measured
