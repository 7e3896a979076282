"""The rounds: every peer's turn one after the other, in an order that moves on from round to round."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.peers.field import Field, TurnFailed
from bench.peers.roster import Peer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rates: Sequence[int]
    """Reports a second."""
    seconds: float
    """At each rate."""
    backlog: int
    """Reports."""
    rounds: int


@dataclass(slots=True)
class Measured:
    """Every turn's figures, by round."""

    latency: dict[int, dict[str, list[Mapping[str, float]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """By rate and peer."""
    backlog: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Messages a second, by peer."""
    load_averages: list[float] = field(default_factory=list)
    """Of the machine, over a minute, before each round; empty where it has none."""


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
    measured = Measured()
    _round(field, plan, Measured(), list(field.running), "warm-up", tell, done)
    for number in range(plan.rounds):
        if hasattr(os, "getloadavg"):
            measured.load_averages.append(os.getloadavg()[0])
        peers = order(field.running, number, plan.rounds)
        _round(field, plan, measured, peers, f"round {number + 1}", tell, done)
    return measured


def _round(
    field: Field,
    plan: Plan,
    measured: Measured,
    peers: Sequence[Peer],
    name: str,
    tell: Callable[[str], None],
    done: Callable[[], None],
) -> None:
    for peer in peers:
        try:
            tell(f"{name}: {peer.name}, backlog")
            if peer.engine != "none":
                measured.backlog[peer.name].append(field.backlog(peer, plan.backlog))
            done()
            for rate in plan.rates:
                tell(f"{name}: {peer.name}, {rate}/s")
                measured.latency[rate][peer.name].append(field.latency(peer, rate, plan.seconds))
                done()
        except TurnFailed as failed:
            field.left_out[peer.name] = f"{name}: {failed}"
            field.running.remove(peer)
