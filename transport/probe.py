"""Whether a broker answers now, for those who ask how a service is. It has a client of its own, beside the loop's."""

import logging
import threading
import time
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from transport.clients import LOGGER
from transport.handshake import refused_certificates
from transport.retry import CALL_SECONDS, error_of
from transport.settings import KafkaSettings, admin_properties

logger = logging.getLogger(__name__)

FRESH_SECONDS: Final = 2.0
"""An answer stands for so long, however many ask."""


class Probe:
    """Asks the cluster for its topics when somebody wants to know; an answer takes a second at most."""

    def __init__(self, settings: KafkaSettings) -> None:
        # Silent: what the clients at work say of a broker that is away need not be said twice.
        self._admin = AdminClient({**admin_properties(settings), "log_level": 0}, logger=LOGGER)
        self._settings = settings
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
        try:
            self._admin.list_topics(timeout=CALL_SECONDS)
        except KafkaException as exception:
            why = refused_certificates(self._settings) or error_of(exception).str()
            return f"no broker of {self._settings.bootstrap_servers} answers: {why}"
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
