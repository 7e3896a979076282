"""Whether a broker answers now: for those who ask how a service is, and for clients that hear nothing.

librdkafka (2.16; its issue 5301) can forget all brokers for good when the last of a cluster that is being stopped tells
it that there are none, and says nothing of that. A client that is not answered where a new one is has to go.
"""

import logging
import threading
import time
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from transport.clients import LOGGER
from transport.handshake import refused_certificates
from transport.retry import CALL_SECONDS, error_of
from transport.settings import KafkaSettings, admin_properties

logger = logging.getLogger(__name__)

FRESH_SECONDS: Final = 2.0
"""An answer stands for so long, however many ask."""

LOOK_SECONDS: Final = 10.0
"""How often a group's member that hears nothing asks whether it has forgotten its brokers; how often a reader looks for
new topics and partitions, and so for its brokers, too."""


def is_answered(settings: KafkaSettings) -> bool:
    """Whether a new client is, within a second."""
    with _new_admin(settings) as client:
        return _why_silent(client) is None


def has_forgotten(client: Consumer, settings: KafkaSettings) -> bool:
    """Whether `client` is not answered where a new one is."""
    return _why_silent(client) is not None and is_answered(settings)


def _new_admin(settings: KafkaSettings) -> AdminClient:
    # Silent: what the clients at work say of a broker that is away need not be said twice.
    return AdminClient({**admin_properties(settings), "log_level": 0}, logger=LOGGER)


def _why_silent(client: Consumer | AdminClient) -> str | None:
    try:
        client.list_topics(timeout=CALL_SECONDS)
    except KafkaException as exception:
        return error_of(exception).str()
    return None


class Probe:
    """Asks the cluster for its topics when somebody wants to know; an answer takes a second at most."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = _new_admin(settings)
        self._one_asks = threading.Lock()
        self._asked = -FRESH_SECONDS
        self._wrong: str | None = None

    def away(self) -> str | None:
        """None while a broker answers, else what came instead. Safe on any thread."""
        with self._one_asks:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                wrong = self._ask()
                if wrong and wrong != self._wrong:
                    logger.error("%s", wrong)
                self._wrong = wrong
                self._asked = time.monotonic()
            return self._wrong

    def close(self) -> None:
        """Let go of the connection."""
        self._admin.__exit__(None, None, None)

    def _ask(self) -> str | None:
        if (why := _why_silent(self._admin)) is None:
            return None
        self.close()
        self._admin = _new_admin(self._settings)
        return f"no broker of {self._settings.bootstrap_servers} answers: {refused_certificates(self._settings) or why}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
