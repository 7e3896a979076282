"""Announcing releases on `model-versions`, and what was announced before."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas import topics
from schemas.envelope import encode
from schemas.model_version import ModelVersion
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.store import open_store
from trainer.dataset.intake import SOURCE, Sender
from trainer.releasing.heard import heard
from trainer.releasing.releases import outdated, releases, superseded, trusted
from trainer.releasing.statuses import statuses
from trainer.settings import TrainerSettings
from transport.clients import never
from transport.errors import TransportError
from transport.settings import KafkaSettings

DYING: Final = timedelta(days=1)
"""What a writer left half done for so long, it left for good."""

logger = logging.getLogger(__name__)


def announced(kafka: KafkaSettings, name: str, stopping: Callable[[], bool] = never) -> list[ModelVersion]:
    """All that `model-versions` holds of the model `name`, oldest first. Raises `NoBroker` when `stopping`."""
    return list(heard(kafka, topics.MODEL_VERSIONS, ModelVersion, name, stopping))


def announce(sender: Sender, version: ModelVersion) -> None:
    """Put a champion or challenger before the scorers, and keep its record under its own number. Raises `NotDelivered`.

    Its own record goes first: a scorer that sees a champion can look up every release up to it.
    """
    for one in (version.model_copy(update={"role": "release"}), version):
        sender.send(topics.MODEL_VERSIONS, *encode(one, source=SOURCE, time=one.created_at))
    sender.flush()


def publish(
    settings: TrainerSettings,
    sender: Sender,
    version: ModelVersion,
    parent: str | None,
    stopping: Callable[[], bool] = never,
) -> str | None:
    """Announce what a training made and delete releases that are outdated; or tell why it did not go out.

    parent: the champion when the training began. A release that does not go out is taken away again: its number is
    another's, or a person decided meanwhile.

    Raises `NotDelivered`, `NoBroker` when it is `stopping`, and ArtefactRefused when the store cannot be read.
    """
    store, keys, name = open_store(settings.artefacts), trusted(settings.signing_key), settings.model_name
    versions, known = announced(settings.kafka, name, stopping), releases(store, keys, name)
    if why := superseded(version, parent, versions, known):
        store.remove(version.digest)
        return why
    announce(sender, version)
    try:
        answers = statuses(settings.kafka, name, stopping).values()
        in_use = [status.digest for status in answers if status.result == "loaded"]
        for one in outdated([*versions, version], known, in_use, settings.keep_releases):
            store.remove(one.digest)
            logger.info("release %d is outdated and was deleted", one.manifest.release)
        store.sweep(datetime.now(UTC) - DYING)
    except (ArtefactRefused, TransportError, OSError) as error:  # the release is out; they go the next time
        logger.warning("outdated releases could not be deleted: %s", error)
    return None
