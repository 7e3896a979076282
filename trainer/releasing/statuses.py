"""What the scorers last answered on `model-status`. Shown to people; nothing is decided by it alone."""

import logging
from collections.abc import Callable, Mapping

from schemas import topics
from schemas.envelope import ContractError, decode
from schemas.model_status import ModelStatus
from transport.clients import never
from transport.reader import Reader
from transport.settings import KafkaSettings

logger = logging.getLogger(__name__)


def statuses(kafka: KafkaSettings, name: str, stopping: Callable[[], bool] = never) -> Mapping[str, ModelStatus]:
    """The last answer of each scorer that follows the model `name`, by instance. Raises `NoBroker` when `stopping`."""
    found: dict[str, ModelStatus] = {}
    with Reader(kafka, [topics.MODEL_STATUS]) as reader:
        for record in reader.rest(stopping):
            try:
                status = decode(ModelStatus, record.key, record.value, record.headers)
            except ContractError as error:
                logger.warning("model-status/%d@%d is left out: %s", record.partition, record.offset, error)
                continue
            if status.name == name:
                found[status.instance] = status
    return found
