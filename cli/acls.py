"""`severity acls`: gives each service the least that it needs on the cluster."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from transport.acls import Grant

app = typer.Typer(help="Who may do what on the cluster.", no_args_is_help=True)

Agencies = Annotated[
    list[str] | None, typer.Option("--agency", help="Each that shares the cluster: it writes topics of its own alone.")
]
Redrive = Annotated[
    bool, typer.Option("--redrive", help="With what `severity dlq redrive` needs, for as long as somebody redrives.")
]
Principals = Annotated[
    list[str] | None,
    typer.Option("--principal", help="ROLE=NAME of a role whose principal is called otherwise; again for others."),
]


@app.command("show")
def show(agency: Agencies = None, principal: Principals = None, redrive: Redrive = False) -> None:
    """Print every grant, a line each; asks no broker."""
    for grant in _wanted(agency or (), principal or (), redrive)[0]:
        typer.echo(grant)


@app.command("apply")
def apply(
    agency: Agencies = None,
    principal: Principals = None,
    redrive: Redrive = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take from these principals all that is not theirs.")
    ] = False,
) -> None:
    """Allow what is missing on the cluster that SEVERITY_KAFKA__BOOTSTRAP_SERVERS names; again changes nothing.

    Run it as the administrator, whose name and password the other SEVERITY_KAFKA__* say. What these principals, or
    everybody, may do beyond the list is told, and ends the command with code 1 unless --revoke takes it away. The
    cluster must refuse what nobody allowed (authorizer.class.name set, allow.everyone.if.no.acl.found=false).
    """
    from transport import acls
    from transport.settings import KafkaSettings

    settings = KafkaSettings()
    wanted, principals = _wanted(agency or (), principal or (), redrive)
    found = acls.compare(settings, wanted, principals)
    acls.allow(settings, found.missing)
    for grant in found.missing:
        typer.echo(f"allowed  {grant}")
    if revoke:
        acls.revoke(settings, found.surplus)
    for grant in found.surplus:
        typer.echo(f"{'revoked' if revoke else 'surplus'}  {grant}")
    typer.echo(f"{len(found.missing)} allowed, {len(found.surplus)} {'revoked' if revoke else 'surplus'}")
    if found.surplus and not revoke:
        raise typer.Exit(1)


def _wanted(agencies: Sequence[str], principals: Sequence[str], redrive: bool) -> "tuple[list[Grant], set[str]]":
    """The grants, and all principals, also of whom is granted nothing now."""
    from pydantic import TypeAdapter, ValidationError

    from cli.grants import AGENCY_ROLES, ROLES, grants
    from schemas.common import AgencyId

    try:
        TypeAdapter(list[AgencyId]).validate_python(agencies)
    except ValidationError:
        raise typer.BadParameter("an agency is lower-case letters, digits and dashes", param_hint="--agency") from None
    roles = {role for role in ROLES if not (agencies and role in AGENCY_ROLES)}
    roles |= {f"{role}-{agency}" for role in AGENCY_ROLES for agency in agencies}
    names = {role: role for role in roles}
    for given in principals:
        role, _, name = given.partition("=")
        if role not in roles or not name:
            raise typer.BadParameter(f"{given}: ROLE=NAME of {', '.join(sorted(roles))}", param_hint="--principal")
        names[role] = name
    return sorted(grants(agencies, names, redrive=redrive)), set(names.values())
