"""The releases in the store, each proved by its signature: what the trainer believes of what was released before.

`model-versions` can be written by others, and is not believed: what counts is a manifest that a trusted key signed.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from schemas.model_version import ModelVersion
from severity.artefact.keys import KeyFileError, TrustedKeys, load_private, load_trusted
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.proof import Proved, prove
from severity.artefact.store import Store

ELSEWHERE: Final = 1000
"""How far above the store's own releases an announced number is believed: the store may have been lost, but a forged
number must not use up the 2^31 that there are."""

LINE: Final = 3
"""Champions that are kept in any case: the one that scores and those before it."""

logger = logging.getLogger(__name__)


def releases(store: Store, keys: TrustedKeys, name: str) -> list[Proved]:
    """All releases of the model `name` that are there whole and properly signed, newest first.

    Raises ArtefactRefused when the store cannot be read; a release that is not proved is left out, and logged.
    """
    found = []
    for digest in store.digests():
        try:
            proved = prove(store, digest, keys)
        except ArtefactRefused as refused:
            logger.warning("release %s in the store does not count: %s", digest[:12], refused)
            continue
        if proved.manifest.name == name:
            found.append(proved)
    return sorted(found, key=lambda one: one.manifest.release, reverse=True)


def trusted(signing_key: Path) -> TrustedKeys:
    """The public half of the trainer's own key, and the public keys beside it, such as those used before it.

    Raises KeyFileError and OSError for the private key's file.
    """
    own = load_private(signing_key).trusted
    try:
        return TrustedKeys({**load_trusted(signing_key.parent).keys, **own.keys})
    except KeyFileError:
        return own


def champion(versions: Iterable[ModelVersion], known: Sequence[Proved]) -> ModelVersion | None:
    """The release that scores: the newest announced one whose own manifest says that it may.

    Its record of its own counts as much as the champion's, which a replayed older announcement replaces.
    """
    announced = {version.digest: version for version in versions if version.role != "challenger"}
    found = (announced.get(one.digest) for one in known if one.manifest.role == "champion")
    return next((version for version in found if version), None)


def next_release(versions: Iterable[ModelVersion], known: Sequence[Proved]) -> int:
    """A number above all that were released: numbers only rise."""
    highest = max((one.manifest.release for one in known), default=0)
    believed = [version.release for version in versions if version.release <= highest + ELSEWHERE]
    return 1 + max([highest, *believed])


def hold(champion: ModelVersion | None, known: Sequence[Proved]) -> str | None:
    """Why no new release may replace the champion without a person: a person put it back. None when it may.

    A person ends it by promoting a release.
    """
    digest = champion.digest if champion else None
    manifest = next((one.manifest for one in known if one.digest == digest), None)
    if manifest is None or manifest.decision is None or manifest.decision.kind != "rollback":
        return None
    by = f"{manifest.decision.by} put the champion, release {manifest.release}, back"
    return f"{by} ({manifest.decision.reason}); a person lets the next one score: severity model promote"


def superseded(
    made: ModelVersion, parent: str | None, versions: Iterable[ModelVersion], known: Sequence[Proved]
) -> str | None:
    """Why the release `made` must not go out any more, None when it may.

    parent: the champion when its training began. A person may have decided meanwhile, or another trainer been quicker.
    """
    now = champion(versions, known)
    if now is not None and now.digest != parent:
        return f"release {now.release} became champion while this one was trained"
    twins = [one for one in known if one.manifest.release == made.release and one.digest != made.digest]
    return f"there is another release {made.release} already: {twins[0].digest}" if twins else None


def outdated(
    versions: Iterable[ModelVersion], known: Sequence[Proved], in_use: Iterable[str], keep: int
) -> list[Proved]:
    """Releases that nobody needs any more, all but: the newest `keep`; the champion, what it replaced and what it
    carries, for a rollback; and what a scorer said it has loaded (`in_use`, digests)."""
    versions = list(versions)
    now = champion(versions, known)
    kept = {one.digest for one in known[:keep]} | {*in_use}
    kept |= {version.digest for version in [one for one in versions if one.role == "champion"][-1:]}
    by_digest = {one.digest: one.manifest for one in known}
    line = now.digest if now else None
    for _ in range(LINE):
        manifest = by_digest.get(line or "")
        if manifest is None or line is None:
            break
        kept |= {line} | ({manifest.decision.restores} if manifest.decision else set())
        line = manifest.parent
    return [one for one in known if one.digest not in kept]
