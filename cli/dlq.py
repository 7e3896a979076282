"""`severity dlq`: what could not be used, why, and sending it again once the cause is mended."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from transport.dead_letters import Letter, Place

app = typer.Typer(help="Dead letters: records that could not be used.", no_args_is_help=True)

PATTERN = r"^([a-z0-9-]+\.)?(crime-reports|solved-cases)\.dlq$"

Topic = Annotated[
    str, typer.Option(help="The dead letters' topic, or a regular expression that begins with ^; by default all.")
]
Reason = Annotated[str | None, typer.Option(help="Those with this reason alone; `list` shows the reasons.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command("list")
def list_(
    topic: Topic = PATTERN,
    reason: Reason = None,
    most: Annotated[int, typer.Option(min=1, help="Newest letters that are shown.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest letters, and how many there are by reason.

    `waiting` has not been sent again; `sent again` has; `came back` is the letter of a record that was and failed once
    more. Bodies are not shown: `severity dlq show PLACE --body` does.
    """
    from transport.dead_letters import letters
    from transport.settings import KafkaSettings

    found = [one for one in letters(KafkaSettings(), [topic]) if reason in (None, one.reason)]
    if as_json:
        return typer.echo(json.dumps([_told(one) for one in found]))
    counts = Counter((one.record.topic, one.reason, _state(one)) for one in found)
    console = Console()
    summary = Table("topic", "reason", "state", "letters", title=f"{len(found)} dead letters", title_justify="left")
    for (of, why, state), count in sorted(counts.items()):
        summary.add_row(of, why, state, str(count))
    console.print(summary)
    if found:
        newest = Table(
            Column("place", no_wrap=True), "at", "reason", "from", "state", title="the newest", title_justify="left"
        )
        for one in sorted(found, key=lambda letter: letter.record.timestamp_ms)[-most:]:
            newest.add_row(str(one.place), _at(one), one.reason, one.source, _state(one))
        console.print(newest)


@app.command("show")
def show(
    place: Annotated[str, typer.Argument(help="TOPIC/PARTITION@OFFSET, as `list` shows it.")],
    body: Annotated[bool, typer.Option("--body", help="Its key and body, too: they may tell of people.")] = False,
) -> None:
    """Show one letter: why, since when, where from, and on demand what it says."""
    from transport.dead_letters import letters
    from transport.settings import KafkaSettings

    wanted = _place(place)
    for one in letters(KafkaSettings(), [wanted.topic]):
        if one.place == wanted:
            record = one.record
            headers = [name for name, _ in record.headers if not name.startswith("severity.")]
            said: dict[str, Any] = {**_told(one), "headers": headers, "bytes": len(record.value or b"")}
            if body:
                said["key"] = (record.key or b"").decode(errors="replace")
                said["body"] = None if record.value is None else record.value.decode(errors="replace")
            return typer.echo(json.dumps(said, indent=2))
    typer.echo(f"there is no dead letter at {place}; `severity dlq list` shows those that are", err=True)
    raise typer.Exit(1)


@app.command("redrive")
def redrive(
    places: Annotated[
        list[str] | None, typer.Argument(help="TOPIC/PARTITION@OFFSET of letters, as `list` shows.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that wait, but none that came back.")] = False,
    topic: Topic = PATTERN,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
) -> None:
    """Send letters to their topics again, as they were: after the cause was mended, such as a wrong contract.

    Each is sent once, however often you ask and whatever breaks off: a receipt on the dead letters' topic is written
    in one transaction with it.

    One that fails again is a new letter, which `--all` leaves alone: name its place to try it once more.

    A report that a higher revision has followed meanwhile is dropped by the scorer, as ever.
    """
    from transport import dead_letters
    from transport.settings import KafkaSettings

    if bool(places) == all_:
        raise typer.BadParameter("name places, or say --all")
    named = {_place(place) for place in places or ()}
    settings = KafkaSettings()
    topics = sorted({place.topic for place in named}) or [topic]

    def chosen(one: "Letter") -> bool:
        wanted = one.place in named if named else not one.came_back
        return wanted and reason in (None, one.reason)

    if dry_run:
        waiting = [one for one in dead_letters.letters(settings, topics) if chosen(one) and not one.redriven]
        for one in waiting:
            typer.echo(f"would send {one.place} {one.reason}")
        return typer.echo(f"{len(waiting)} to send")
    result = dead_letters.redrive(settings, topics, chosen)
    for place in result.bare:
        typer.echo(f"{place}: its body was left out, being too large: have its writer send it again", err=True)
    missing = named - {*result.sent, *result.sent_before, *result.bare}
    for place in sorted(missing):
        typer.echo(f"{place}: no such letter{' with this reason' if reason else ''}", err=True)
    typer.echo(f"{len(result.sent)} sent again, {len(result.sent_before)} had been before")
    if missing or result.bare:
        raise typer.Exit(1)


def _place(text: str) -> "Place":
    from transport.dead_letters import Place
    from transport.records import DEAD_LETTERS

    topic, _, rest = text.rpartition("/")
    partition, _, offset = rest.partition("@")
    if not (topic.endswith(DEAD_LETTERS) and partition.isdigit() and offset.isdigit()):
        raise typer.BadParameter(
            f"{text!r} is not TOPIC{DEAD_LETTERS}/PARTITION@OFFSET, such as crime-reports.dlq/0@17"
        )
    return Place(topic, int(partition), int(offset))


def _state(letter: "Letter") -> str:
    if letter.redriven:
        return "sent again"
    return "came back" if letter.came_back else "waiting"


def _at(letter: "Letter") -> str:
    return datetime.fromtimestamp(letter.record.timestamp_ms / 1000, UTC).isoformat(timespec="seconds")


def _told(letter: "Letter") -> dict[str, Any]:
    return {
        "place": str(letter.place),
        "at": _at(letter),
        "state": _state(letter),
        "reason": letter.reason,
        "detail": letter.error("detail"),
        "from": letter.source,
        "first_failure": letter.error("first_failure"),
        "bare": letter.bare,
    }
