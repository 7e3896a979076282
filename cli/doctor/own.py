"""This machine's part of the doctor's round: settings, keys, stores and disks."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic_settings import BaseSettings

from cli.doctor.finding import Findings
from severity.artefact.keys import load_private, load_trusted
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.store import open_store

if TYPE_CHECKING:
    from stream.settings import ScorerSettings
    from trainer.settings import TrainerSettings

S = TypeVar("S", bound=BaseSettings)

FEW: Final = 0.1
HARDLY_ANY: Final = 0.02
"""Share of a disk that is free: below, it is time to look, or to act."""

LIST: Final = "`severity settings` lists them all"


def settings(made: Callable[[], S], name: str, findings: Findings) -> S | None:
    """Read from the environment; None when they cannot work."""
    with findings.looking(f"{name} settings", LIST):
        found = made()
        findings.ok(f"{name} settings", "can be read")
        return found
    return None


def scorer(of: "ScorerSettings", findings: Findings) -> None:
    """What a scorer needs here."""
    with findings.looking("trusted keys", "put the trainer's *.public.pem there, or set SEVERITY_SCORER__TRUSTED_KEYS"):
        findings.ok("trusted keys", ", ".join(sorted(load_trusted(of.trusted_keys).keys)))
    if of.high_water is None:
        do = "set SEVERITY_SCORER__HIGH_WATER to a file of its own"
        findings.warn("high-water mark", "is not kept: after a restart an older release might be taken", do)
    else:
        findings.ok("high-water mark", str(of.high_water))
    _releases(of.artefacts, "scorer", findings)


def trainer(of: "TrainerSettings", trusted: Path | None, findings: Findings) -> None:
    """What a trainer needs here; `trusted`: the keys of a scorer on the same machine."""
    with findings.looking("signing key", "`severity keys new keys` makes a pair; keep it with the trainer alone"):
        signer = load_private(of.signing_key)
        if of.signing_key.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            findings.warn("signing key", f"{of.signing_key} is readable by others", f"chmod 600 {of.signing_key}")
        else:
            findings.ok("signing key", signer.key_id)
        if trusted and signer.key_id not in load_trusted(trusted).keys:
            do = "put its *.public.pem among SEVERITY_SCORER__TRUSTED_KEYS, or scorers refuse every release"
            findings.fail("signing key", f"{signer.key_id} is not among the scorer's trusted keys", do)
    _releases(of.artefacts, "trainer", findings)
    _disk(of.dataset, "dataset", findings)


def _releases(base: str | Path, service: str, findings: Findings) -> None:
    check = f"releases ({service})"
    do = f"let the {service} reach SEVERITY_{service.upper()}__ARTEFACTS, which is one place for trainer and scorers"
    if _folder(base) and not Path(base).exists():
        return findings.warn(
            check, f"there is no {base} yet", "the trainer makes it with its first release; else " + do
        )
    try:
        count = len(open_store(base).digests())
    except ArtefactRefused as error:
        return findings.fail(check, str(error), do)
    findings.ok(check, f"{count} at {base}")
    if service == "trainer":
        _disk(base, "releases", findings)


def _disk(base: str | Path, what: str, findings: Findings) -> None:
    if not _folder(base):
        return
    there = next(
        (folder for folder in [Path(base).absolute(), *Path(base).absolute().parents] if folder.exists()), None
    )
    if there is None:
        return
    usage = shutil.disk_usage(there)
    free = usage.free / usage.total
    told = f"{usage.free / 1e9:.1f} GB free at {there}, {free:.0%}"
    do = f"make room, or move SEVERITY_TRAINER__{'DATASET' if what == 'dataset' else 'ARTEFACTS'}"
    if free < HARDLY_ANY:
        return findings.fail(f"disk of {what}", told, do)
    if free < FEW:
        return findings.warn(f"disk of {what}", told, do)
    findings.ok(f"disk of {what}", told)


def _folder(base: str | Path) -> bool:
    return isinstance(base, Path) or "://" not in base
