"""Announcing releases on `model-versions`, and what was announced before."""

import logging
from typing import Final

from schemas import topics
from schemas.envelope import ContractError, decode, encode
from schemas.model_version import ModelVersion
from trainer.intake import SOURCE, Sender
from transport.reader import Reader
from transport.settings import KafkaSettings

READ: Final = 1000
"""Announcements taken at a time."""

logger = logging.getLogger(__name__)


def announced(kafka: KafkaSettings, name: str) -> list[ModelVersion]:
    """All that `model-versions` holds of the model `name`, oldest first."""
    found = []
    with Reader(kafka, [topics.MODEL_VERSIONS]) as reader:
        while not reader.caught_up:
            for record in reader.read(READ, seconds=1.0):
                try:
                    version = decode(ModelVersion, record.key, record.value, record.headers)
                except ContractError as error:
                    logger.warning("model-versions/%d@%d is left out: %s", record.partition, record.offset, error)
                    continue
                if version.name == name:
                    found.append(version)
    return found


def announce(sender: Sender, version: ModelVersion) -> None:
    """Put a champion or challenger before the scorers, and keep its record under its own number. Raises `NotDelivered`.

    Its own record goes first: a scorer that sees a champion can look up every release up to it.
    """
    for one in (version.model_copy(update={"role": "release"}), version):
        sender.send(topics.MODEL_VERSIONS, *encode(one, source=SOURCE, time=one.created_at))
    sender.flush()
