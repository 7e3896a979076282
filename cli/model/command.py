"""`severity model list | show | verify | card | promote | rollback | diff`."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from severity.artefact.proof import Proved
    from trainer.judging.difference import Changed

app = typer.Typer(
    help="Model releases: what there is, whether it can be trusted, and what a person decides.\n\n"
    "Settings come from the environment, as the trainer's: SEVERITY_TRAINER__* and SEVERITY_KAFKA__*.",
    no_args_is_help=True,
)

Which = Annotated[str, typer.Argument(metavar="RELEASE", help="Its number, or the beginning of its digest.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Keys = Annotated[
    Path | None, typer.Option(help="Trusted public keys, a file or folder; by default the trainer's own.", exists=True)
]
By = Annotated[str | None, typer.Option(help="Who decides; by default the user of this computer.")]
Reason = Annotated[str, typer.Option(help="Why; it goes into the signed manifest.")]


@app.command("list")
def list_(keys: Keys = None, as_json: AsJson = False) -> None:
    """All releases in the store, which one scores, and who loaded or refused it."""
    from cli.model import view
    from cli.model.desk import desk

    found = desk(keys)
    if not as_json:
        view.show_list(found, view.console())
        return
    now = found.champion
    rows = [
        {
            "release": one.manifest.release,
            "digest": one.digest,
            "role": one.manifest.role,
            "scores": now is not None and now.digest == one.digest,
            "created_at": one.manifest.created_at.isoformat(),
            "expires_at": one.manifest.expires_at.isoformat(),
            "rows": one.manifest.rows,
            "metrics": one.manifest.metrics,
            "verdict": one.manifest.verdict,
            "decision": one.manifest.decision.model_dump(mode="json") if one.manifest.decision else None,
            "loaded_by": found.loaded_by(one.digest),
            "refused_by": {answer.instance: answer.reason for answer in found.refused_by(one.digest)},
        }
        for one in found.known
    ]
    typer.echo(json.dumps({"store": found.store.url, "releases": rows, "notes": view.footnotes(found)}))


@app.command()
def show(release: Which, keys: Keys = None, as_json: AsJson = False) -> None:
    """A release's manifest, and what the scorers answered."""
    from cli.model import view
    from cli.model.desk import desk

    found = desk(keys)
    one = _find(found.known, release)
    if not as_json:
        view.show_one(found, one, view.console())
        return
    answers = [answer.model_dump(mode="json") for answer in found.answers.values() if answer.digest == one.digest]
    said = {"digest": one.digest, "manifest": one.manifest.model_dump(mode="json"), "answers": answers}
    typer.echo(json.dumps(said))


@app.command()
def verify(release: Which, keys: Keys = None, as_json: AsJson = False) -> None:
    """Check signature, files, versions and golden rows, as a scorer would. Exit code 1 when it would be refused.

    RELEASE may also be a place, such as s3://bucket/prefix/<digest> or a folder.
    """
    from cli.model.desk import desk, trusted_keys
    from severity.artefact.manifest import ArtefactRefused
    from severity.artefact.reading import load
    from severity.artefact.reading import verify as check
    from severity.artefact.store import location
    from trainer.settings import TrainerSettings

    place: str | Path
    if "/" in release or Path(release).is_dir():
        place, trust = release, trusted_keys(TrainerSettings(), keys)
    else:
        found = desk(keys, offline=True)
        place, trust = location(found.store, _find(found.known, release).digest), found.keys
    try:
        verified = check(place, trust, minimum_release=1, now=datetime.now(UTC))
        loaded = load(verified)
    except ArtefactRefused as refused:
        typer.echo(json.dumps({"result": "refused", "reason": refused.reason, "detail": refused.detail})
                   if as_json else f"refused: {refused}", err=not as_json)  # fmt: skip
        raise typer.Exit(1) from None
    facts = verified.manifest
    if as_json:
        typer.echo(json.dumps({"result": "good", "release": facts.release, "digest": verified.digest,
                               "role": facts.role, "warnings": verified.warnings}))  # fmt: skip
        return
    size = sum(fact.size for fact in facts.files.values())
    typer.echo(f"signature: good, by key {facts.key_id}")
    typer.echo(f"files: {len(facts.files)}, {size:,} bytes, each as the manifest says")
    typer.echo(f"versions: scikit-learn {facts.versions.scikit_learn}, joblib {facts.versions.joblib}, as here")
    typer.echo(f"golden rows: {len(loaded.golden)}, scored here as when it was made")
    for warning in verified.warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(f"good: {facts.name} release {facts.release}, {facts.role}, {verified.digest}")


@app.command()
def card(release: Which, keys: Keys = None, as_json: AsJson = False) -> None:
    """The model card, in Markdown or as JSON, from the signed manifest."""
    from cli.model.desk import desk
    from severity.artefact.card import Card
    from severity.artefact.manifest import Draft

    one = _find(desk(keys, offline=True).known, release)
    made = Card(facts=Draft.model_validate(one.manifest.model_dump(include=set(Draft.model_fields))))
    typer.echo(made.model_dump_json(indent=2) if as_json else made.markdown(), nl=as_json)


@app.command()
def promote(release: Which, reason: Reason, by: By = None) -> None:
    """Let a release score, whatever the gate said: its model goes out as a new release, signed with your reason."""
    _decide("promote", release, reason, by)


@app.command()
def rollback(
    reason: Reason,
    release: Annotated[
        str | None,
        typer.Argument(metavar="[RELEASE]", help="A former champion; default: what the champion replaced."),
    ] = None,
    by: By = None,
) -> None:
    """Bring a former champion back: its model goes out as a new release, signed with your reason.

    From then on what the trainer makes goes out as challenger, until a person promotes a release.
    """
    _decide("rollback", release, reason, by)


@app.command()
def diff(
    release: Which,
    against: Annotated[str | None, typer.Option(help="Release to compare with; by default the champion.")] = None,
    days: Annotated[float, typer.Option(help="Days before the newest report of the dataset.", min=0.01)] = 7.0,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """How many of the last week's reports would change their level, as published, over all and by group."""
    from cli.model import view
    from cli.model.comparing import compare, newest_reports
    from cli.model.desk import desk
    from severity.artefact.manifest import ArtefactRefused
    from trainer.dataset.dataset import Dataset

    found = desk(keys, offline=against is not None)
    after = _find(found.known, release)
    if against is None:
        if found.champion is None:
            _fail(f"no champion to compare with: name one with --against{f' ({found.away})' if found.away else ''}")
        against = found.champion.digest
    before = _find(found.known, against)
    reports = newest_reports(Dataset(found.settings.dataset), days)
    if not reports:
        _fail(f"the dataset {found.settings.dataset} holds no reports")
    try:
        seen = compare(found, before, after, reports)
    except ArtefactRefused as refused:
        _fail(str(refused))
    names = before.manifest.release, after.manifest.release
    if not as_json:
        view.show_difference(seen, view.console(), names, days)
        return
    groups = {kind: {name: _counts(one) for name, one in rows.items()} for kind, rows in seen.groups.items()}
    moves = {f"{old}>{new}": count for (old, new), count in seen.moves.items()}
    said = {"before": names[0], "after": names[1], "days": days, "all": _counts(seen.total)}
    typer.echo(json.dumps({**said, "groups": groups, "moves": moves}))


def _decide(kind: Literal["promote", "rollback"], release: str | None, reason: str, by: str | None) -> None:
    from cli.model.desk import desk
    from severity.artefact.keys import load_private
    from severity.artefact.manifest import ArtefactRefused
    from trainer.releasing.decisions import NotDecided, Wish, carry_out, to_promote, to_put_back
    from trainer.releasing.publish import announce
    from transport.sender import Sender

    found = desk()
    if found.away:
        _fail(found.away)
    signer = load_private(found.settings.signing_key)
    wish = Wish(kind, (by or getpass.getuser()).strip(), reason.strip())
    if not wish.by or not wish.reason:
        _fail("a decision needs a name and a reason")
    try:
        if kind == "promote":
            old = to_promote(found.versions, found.known, release or "")
        else:
            old = to_put_back(found.versions, found.known, release)
        now = datetime.now(UTC)
        made = carry_out(wish, old, found.versions, found.known, found.store, found.keys, signer, now)
    except (NotDecided, ArtefactRefused) as error:
        _fail(str(error))
    with Sender(found.settings.kafka) as sender:
        announce(sender, made.announcement())
    typer.echo(f"release {made.manifest.release} goes out, carrying release {old.manifest.release}: {made.digest}")
    typer.echo("who loaded it: severity model list")


def _counts(changed: "Changed") -> dict[str, float]:
    return {**asdict(changed), "changed": changed.changed, "share": round(changed.share, 4)}


def _find(known: "Sequence[Proved]", wanted: str) -> "Proved":
    from trainer.releasing.decisions import NotDecided, find

    try:
        return find(known, wanted)
    except NotDecided as error:
        _fail(str(error))


def _fail(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)
