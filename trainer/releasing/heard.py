"""What a topic about releases holds of one model: announcements, or the scorers' answers."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from schemas.envelope import ContractError, decode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from transport.clients import never
from transport.reader import Reader
from transport.settings import KafkaSettings

Said = TypeVar("Said", ModelVersion, ModelStatus)

logger = logging.getLogger(__name__)


def heard(
    kafka: KafkaSettings, topic: str, kind: type[Said], name: str, stopping: Callable[[], bool] = never
) -> Iterator[Said]:
    """All that `topic` holds of the model `name`, oldest first in each partition; what cannot be read is left out.

    Raises `NoBroker` when the process is to end (`stopping`) before that is read.
    """
    with Reader(kafka, [topic]) as reader:
        for record in reader.rest(stopping):
            try:
                said = decode(kind, record.key, record.value, record.headers)
            except ContractError as error:
                logger.warning("%s/%d@%d is left out: %s", topic, record.partition, record.offset, error)
                continue
            if said.name == name:
                yield said
