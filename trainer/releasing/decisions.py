"""A person's decision: a challenger, or an older release, is to score. Each makes a new release.

Release numbers only rise, so that nobody can bring an old release back by announcing it once more. Whoever wants one
back therefore signs it anew under the next number: the same model and golden rows, and a manifest that says who decided
it and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from schemas.model_version import ModelVersion
from severity.artefact.keys import Signer, TrustedKeys
from severity.artefact.manifest import ArtefactRefused, Decision, Draft, Refusal
from severity.artefact.proof import Proved
from severity.artefact.reading import load, verify
from severity.artefact.store import Store, location
from severity.artefact.writing import Signed, reissue
from trainer.releasing.releases import champion, next_release

LONGEST: Final = 2000
"""Characters of a verdict."""


class NotDecided(ValueError):
    """A decision that cannot be carried out: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what, and why."""

    kind: Literal["promote", "rollback"]
    by: str
    reason: str


def find(known: Sequence[Proved], wanted: str) -> Proved:
    """The release with a number, or whose digest begins so. Raises NotDecided when there is not just one."""
    if wanted.isdecimal() and len(wanted) < 10:
        found = [one for one in known if one.manifest.release == int(wanted)]
    else:
        found = [one for one in known if len(wanted) >= 6 and one.digest.startswith(wanted.lower())]
    if not found:
        raise NotDecided(f"no properly signed release {wanted} in the store: `severity model list` shows what is there")
    if len(found) > 1:
        raise NotDecided(f"{wanted} are {len(found)} releases: give the digest, {' or '.join(x.digest for x in found)}")
    return found[0]


def to_put_back(versions: Sequence[ModelVersion], known: Sequence[Proved], wanted: str | None) -> Proved:
    """What a rollback shall bring back: `wanted`, which was a champion, or else what the champion replaced."""
    now = champion(versions, known)
    if now is None:
        raise NotDecided("there is no champion yet: nothing to go back from")
    if wanted is not None:
        found = find(known, wanted)
    else:
        parent = next(one.manifest.parent for one in known if one.digest == now.digest)
        if parent is None:
            raise NotDecided(f"release {now.release} replaced none: name the release to go back to")
        found = find(known, parent)
    if found.digest == now.digest:
        raise NotDecided(f"release {now.release} scores already")
    if found.manifest.role != "champion":
        raise NotDecided(f"release {found.manifest.release} never passed the gate: `severity model promote` it")
    return found


def to_promote(versions: Sequence[ModelVersion], known: Sequence[Proved], wanted: str) -> Proved:
    """The release that a person wants to score."""
    found, now = find(known, wanted), champion(versions, known)
    if now is not None and found.digest == now.digest:
        raise NotDecided(f"release {now.release} scores already")
    return found


def carry_out(
    wish: Wish,
    old: Proved,
    versions: Sequence[ModelVersion],
    known: Sequence[Proved],
    store: Store,
    keys: TrustedKeys,
    signer: Signer,
    now: datetime,
) -> Signed:
    """Write the release that carries `old`, after it proved itself once more here. Raises ArtefactRefused."""
    verified = verify(location(store, old.digest), keys, minimum_release=1, now=now)
    loaded = load(verified)
    if loaded.manifest.name != old.manifest.name:
        raise ArtefactRefused(Refusal.BAD_MANIFEST, f"{old.digest} is now another model's")
    before = champion(versions, known)
    facts = Draft.model_validate(old.manifest.model_dump(include=set(Draft.model_fields)))
    decision = Decision(kind=wish.kind, by=wish.by, reason=wish.reason, at=now, restores=old.digest)
    words = {"promote": "promoted", "rollback": "put back"}[wish.kind]
    verdict = (
        f"{words} by {wish.by}: {wish.reason}; carries release {old.manifest.release}, of which the gate said:"
        f" {old.manifest.verdict}"
    )
    draft = facts.model_copy(
        update={
            "release": next_release(versions, known),
            "role": "champion",
            "decision": decision,
            "parent": before.digest if before else None,
            "verdict": verdict[:LONGEST],
        }
    )
    return reissue(store.url, verified, draft, signer)
