"""`python -m bench.peers`: see `main` for what it does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bench import report
from bench.peers import verdict
from bench.peers.field import started
from bench.peers.roster import ROSTER, Peer
from bench.peers.rounds import Plan, run, turns_of
from bench.peers.show import draw, show
from transport.errors import NoBroker

NAMES: Final = ", ".join(peer.name for peer in ROSTER)


def _chosen(names: str) -> list[Peer]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := sorted(set(wanted) - {peer.name for peer in ROSTER}):
        raise typer.BadParameter(f"no peer is called {', '.join(unknown)}; there are {NAMES}")
    return [peer for peer in ROSTER if not wanted or peer.name in wanted]


def main(
    peers: Annotated[str, typer.Option(help=f"Some of them, separated by commas: {NAMES}. All by default.")] = "",
    rates: Annotated[str, typer.Option(help="Reports a second, separated by commas.")] = "100,1000",
    rounds: Annotated[int, typer.Option(min=1, help="How often each has its turn, after one to warm up.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.5, help="Of each turn at each rate.")] = 4.0,
    backlog: Annotated[
        int, typer.Option(min=1, help="Reports that wait at once, at most; fewer for the slow.")
    ] = 100_000,
    brokers: Annotated[int, typer.Option(min=1, help="3: three replicas, two of them in sync at least.")] = 1,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for peers.json and peers.png.")] = Path("bench-results"),
    as_json: Annotated[bool, typer.Option("--json", help="The result on standard output too.")] = False,
) -> None:
    """Compare ours with other stream processors, in turn, on one broker of its own.

    All read the same crime reports (JSON, about 700 bytes), parse them and write a small JSON under the same key. The
    peers give a trivial score; `scored_eos` is our scorer as deployed: validation, model, floors, reasons.

    Time is from the sender's call to the result at a reader of committed messages, each a process of its own. A backlog
    is filed in one transaction, so that it is there all at once for a worker that is warm; messages/s are counted from
    that commit to the commit of the last result. What a peer does not work off in about 8 s is not put before it. Each
    round gives every peer its turn, in an order that moves on; figures are medians over the rounds. A first round warms
    up and does not count.

    Nothing of it is part of the install: Kafka Streams comes from Maven (a Java development kit, 17 or newer, and mvn),
    the Python peers from pip, into environments of their own, once, pinned, in the cache folder (SEVERITY_CACHE). What
    cannot be had is left out, with the reason.

    All of it takes about ten minutes on two cores, after two to warm the broker up; a first try, three or four:

    python -m bench.peers --peers direct,scored_eos,streams_1ms --rounds 1 --seconds 2
    """
    chosen = _chosen(peers)
    console = report.console()
    plan = Plan([int(rate) for rate in rates.split(",")], seconds, backlog, rounds)
    with started(chosen, brokers, lapd, console) as field, report.progress(console) as bar:
        task = bar.add_task("", total=turns_of(plan, len(field.running)))
        measured = run(
            field, plan, lambda text: bar.update(task, description=text), lambda: bar.update(task, advance=1)
        )
    by_rate = verdict.rates(measured)
    checks = verdict.demands(by_rate)
    result: dict[str, Any] = {
        "rates": by_rate,
        "backlog": verdict.backlogs(measured),
        "demands": [check.as_json() for check in checks],
        "left_out": field.left_out,
        "rounds": rounds,
        "seconds": seconds,
        "brokers": brokers,
        "load": field.base.source,
        "message_bytes": field.base.load.mean_bytes,
        "load_averages": measured.load_averages,
        "machine": report.machine(),
        "ended": datetime.now(UTC).isoformat(),
    }
    show(result, checks, console)
    report.save(result, draw(result), out, "peers", console)
    if as_json:
        print(json.dumps(result))


if __name__ == "__main__":
    try:
        typer.run(main)
    except NoBroker as error:
        raise SystemExit(f"no Kafka to compare on: {error}") from error
