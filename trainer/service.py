"""`severity trainer`: the process that stores what happens, learns from it and announces new releases.

What passes, such as a full disk or a broker that is away for long, ends a term and not the process: the next one begins
as soon as it can, from what is stored.
"""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from deltalake.exceptions import DeltaError
from prometheus_client import CollectorRegistry

from severity.artefact.keys import load_private
from telemetry import logs
from telemetry.ending import ended_by_signals
from telemetry.health import Health
from telemetry.heart import Heart
from telemetry.server import serve
from trainer import term
from trainer.dataset.dataset import is_url
from trainer.metrics import ServiceMetrics
from trainer.settings import TrainerSettings
from transport.errors import TransportError
from transport.probe import Probe

SILENT_SECONDS: Final = 300.0
"""After which a trainer whose loop has not come round is to be started anew: an erasure in a large table takes long."""

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
"""How long after an interruption the next term begins: twice as long each time, until a term has begun to work."""

PASSING: Final = {
    "followed": (term.Followed,),
    "broker": (TransportError, KafkaException),
    "store": (OSError, DeltaError),
}
"""What ends a term and not the process, by the reason that the metric tells."""


def run(settings: TrainerSettings, *, stop: threading.Event | None = None) -> int:
    """Run until SIGTERM, Ctrl-C or `stop`; 0, or 1 after one line on standard error that says what is wrong."""
    stop = stop or threading.Event()
    logs.start("trainer")
    try:
        with ended_by_signals(stop, _cut_off), ExitStack() as stack:
            load_private(settings.signing_key)  # a wrong one is told now, not after the first training
            _Service(settings, stack, stop).run()
    except Exception as error:
        logs.end(f"severity trainer: {type(error).__name__}: {error}")
        return 1
    return 0


class _Service:
    """Term after term, and what operators see of them."""

    def __init__(self, settings: TrainerSettings, stack: ExitStack, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._heart = Heart(SILENT_SECONDS)
        self._wrong: str | None = "it has not begun to work yet, or waits while another trainer is at work"
        self._begun = False
        self._wait = FIRST_WAIT_SECONDS
        self._registry = CollectorRegistry()
        self._metrics = ServiceMetrics(self._registry, _folders(settings))
        health = Health(
            "trainer",
            live={"loop": lambda: None if self._wrong else self._heart.silent()},
            ready={
                "work": lambda: self._wrong,
                "broker": stack.enter_context(Probe(settings.kafka)).away,
                "running": lambda: "it was asked to end, and ends" if stop.is_set() else None,
            },
        )
        self._registry.register(health)
        port = serve(self._registry, health, settings.metrics_host, settings.metrics_port, settings.metrics_access)
        self._address = stack.enter_context(port)

    def run(self) -> None:
        """Until it is to end. Raises what does not pass, and whatever keeps the first term from beginning to work."""
        while not self._stop.is_set():
            metrics = CollectorRegistry()
            self._registry.register(metrics)
            try:
                term.serve(self._settings, metrics, self._asked_to_end, self._at_work)
            except Exception as error:
                reason = next((reason for reason, kinds in PASSING.items() if isinstance(error, kinds)), None)
                if reason is None or not self._begun:
                    raise
                self._interrupted(reason, error)
            self._registry.unregister(metrics)

    def _asked_to_end(self) -> bool:
        self._heart.beat()
        return self._stop.is_set()

    def _at_work(self) -> None:
        self._heart.beat()
        self._begun, self._wrong, self._wait = True, None, FIRST_WAIT_SECONDS
        logs.tell("ready", service="trainer", metrics=f"{self._address}/metrics")

    def _interrupted(self, reason: str, error: Exception) -> None:
        self._wrong = f"interrupted ({reason}), it tries again by itself: {type(error).__name__}: {error}"
        self._metrics.interruptions.labels(reason).inc()
        logs.tell("interrupted", reason=reason, error=f"{type(error).__name__}: {error}", again_in_seconds=self._wait)
        self._stop.wait(self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)


def _folders(settings: TrainerSettings) -> dict[str, Path]:
    """What is kept in a folder of this machine, and not in an object store."""
    stores = {"dataset": settings.dataset, "releases": settings.artefacts}
    return {name: Path(place) for name, place in stores.items() if not is_url(place)}


def _cut_off() -> None:
    logs.end("severity trainer: cut off, it did not end in time: a broker that does not answer? All stored is whole")
