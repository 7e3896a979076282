"""The release that other scorers say they have loaded: what a fresh scorer, without a memory, takes as its minimum.

Anybody who may write `model-status` could claim anything there. So an answer is believed only when the release that it
names lies in our own store, signed by a key that we trust, as a champion of that name and number. The worst that a
forger can do is to name a champion that the trainer signed, and no older one is brought back by that.
"""

import logging
from collections.abc import Callable, Iterable

from schemas.envelope import ContractError, decode
from schemas.model_status import ModelStatus
from severity.artefact.keys import TrustedKeys
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.proof import prove
from severity.artefact.store import Store, location
from stream.high_water import Mark
from transport.records import Record

logger = logging.getLogger(__name__)

Acknowledged = Callable[[], Mark]
"""Asks once; raises what a broker that is away or a store that cannot be read raises."""


def acknowledged(answers: Iterable[Record], store: Store, keys: TrustedKeys, name: str) -> Mark:
    """The highest release of the model `name` in the records of `model-status` that is proved; release 0 for none.

    Raises ArtefactRefused when the store cannot be listed.
    """
    claims = {(status.release, status.digest) for status in _loaded(answers, name)}
    there = set(store.digests()) if claims else set()
    for release, digest in sorted(claims, reverse=True):
        if digest not in there:
            continue
        try:
            manifest = prove(store, digest, keys).manifest
        except ArtefactRefused as refused:
            logger.warning("release %d, which others say they have loaded, does not count: %s", release, refused)
            continue
        if (manifest.name, manifest.release, manifest.role) == (name, release, "champion"):
            return Mark(release, digest, location(store, digest))
    return Mark()


def _loaded(answers: Iterable[Record], name: str) -> Iterable[ModelStatus]:
    for record in answers:
        try:
            status = decode(ModelStatus, record.key, record.value, record.headers)
        except ContractError:
            continue
        if status.name == name and status.result == "loaded":
            yield status
