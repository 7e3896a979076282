"""The follower at work beside the loop: a thread with clients of its own, and the child process that loads for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

from schemas import topics
from schemas.envelope import encode
from schemas.model_status import ModelStatus
from severity.artefact.keys import load_trusted
from severity.artefact.store import open_store
from stream.acknowledged import acknowledged
from stream.follower import Follower, Way
from stream.high_water import HighWater, Mark
from stream.loader import ChildLoader, Handover
from stream.metrics import ScorerMetrics
from stream.settings import ScorerSettings
from transport.errors import NotDelivered
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

JOIN_SECONDS: Final = 5.0
"""How long the end waits for the follower."""

logger = logging.getLogger(__name__)


@contextmanager
def following(
    settings: ScorerSettings,
    kafka: KafkaSettings,
    source: str,
    offer: Callable[[Handover], None],
    metrics: ScorerMetrics,
    stopped: threading.Event,
) -> Iterator[Follower]:
    """The follower, at work on its own thread until the block ends; `stopped`: the scorer is to end.

    offer: warm a release up and hand it to the loop; raises ReleaseRefused. source: CloudEvents source of its answers.
    """
    loader = ChildLoader(settings.artefacts, settings.trusted_keys, settings.load_timeout_seconds)
    loader.prepare()
    with Sender(kafka, stopped.is_set) as sender, Reader(kafka, [topics.MODEL_VERSIONS]) as announcements:

        def answer(status: ModelStatus) -> None:
            try:
                sender.send(topics.MODEL_STATUS, *encode(status, source=source, time=status.at))
                sender.flush()
            except NotDelivered as error:
                logger.warning("what became of release %d could not be told: %s", status.release, error)

        follower = Follower(
            announcements,
            Way(loader.load, loader.prepare, offer, answer, metrics.announced),
            HighWater(settings.model_name, settings.high_water, settings.least_release),
            partial(_acknowledged, settings, kafka, stopped),
            name=settings.model_name,
            instance=f"{kafka.group_id}-{kafka.slot}",
            clock=lambda: datetime.now(UTC),
            retry_seconds=settings.retry_seconds,
        )
        thread = threading.Thread(target=follower.run, name="follower", daemon=True)
        thread.start()
        try:
            yield follower
        finally:
            follower.stop()
            loader.stop()
            thread.join(JOIN_SECONDS)


def wait_for_champion(follower: Follower, seconds: float, stopped: threading.Event) -> None:
    """Better a report a few seconds late after a restart than many answered without the model."""
    deadline = time.monotonic() + seconds
    while not (follower.looked.wait(0.1) or stopped.is_set()):
        if time.monotonic() > deadline:
            logger.info("no champion within %g s: the rules answer until there is one", seconds)
            return


def _acknowledged(settings: ScorerSettings, kafka: KafkaSettings, stopped: threading.Event) -> Mark:
    """The highest release that other scorers have loaded, as far as it is proved."""
    with Reader(kafka, [topics.MODEL_STATUS]) as reader:
        answers = list(reader.rest(stopped.is_set))
    return acknowledged(
        answers, open_store(settings.artefacts), load_trusted(settings.trusted_keys), settings.model_name
    )
