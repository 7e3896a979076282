"""What the scorers last answered on `model-status`. Shown to people; nothing is decided by it alone."""

from collections.abc import Callable, Mapping

from schemas import topics
from schemas.model_status import ModelStatus
from trainer.releasing.heard import heard
from transport.clients import never
from transport.settings import KafkaSettings


def statuses(kafka: KafkaSettings, name: str, stopping: Callable[[], bool] = never) -> Mapping[str, ModelStatus]:
    """The last answer of each scorer that follows the model `name`, by instance. Raises `NoBroker` when `stopping`."""
    answers = heard(kafka, topics.MODEL_STATUS, ModelStatus, name, stopping)
    return {status.instance: status for status in answers}
