"""Every service ends within the ten seconds that a supervisor gives it, also while its broker is gone."""

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from bench.worker import Worker, scorer
from severity.artefact.keys import new_pair
from tests.ops.test_broker_away import DRAIN_SECONDS, trainer
from transport.local_kafka import LocalKafka
from transport.settings import KafkaSettings

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(280),
    pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM"),
]

FLOW_SECONDS: Final = 3.0
"""Each has something in hand all the time, so the broker goes while they have."""

PER_SECOND: Final = 300


def city(kafka: KafkaSettings) -> Worker:
    return Worker(["-m", "cli.main", "cad", "--rate", str(PER_SECOND)], kafka, {})


def ends(services: dict[str, Worker]) -> dict[str, tuple[int, float]]:
    """Ask all to end at once; by name the exit code, and after how many seconds."""
    began = time.monotonic()
    for service in services.values():
        service.process.send_signal(signal.SIGTERM)
    ended: dict[str, tuple[int, float]] = {}
    while len(ended) < len(services) and time.monotonic() < began + 60:
        for name, service in services.items():
            if name not in ended and (code := service.process.poll()) is not None:
                ended[name] = code, time.monotonic() - began
        time.sleep(0.02)
    return ended


def freeze(broker: LocalKafka) -> None:
    """It keeps its connections and answers nothing, so that clients wait for it longer than for one that is gone."""
    (node,) = broker.nodes
    assert node.pid is not None
    os.kill(node.pid, signal.SIGSTOP)


@pytest.mark.parametrize("hurt", [LocalKafka.kill, freeze], ids=["killed", "frozen"])
def test_all_end_in_time_without_a_broker_and_a_producer_says_what_was_not_delivered(
    own: LocalKafka, tmp_path: Path, hurt: Callable[[LocalKafka], None]
) -> None:
    kafka = KafkaSettings(bootstrap_servers=own.bootstrap_servers, slot=uuid.uuid4().hex[:6])
    new_pair(tmp_path / "keys")
    with ExitStack() as stack:
        services = {
            "scorer": stack.enter_context(scorer(kafka, tmp_path / "keys", model_wait_seconds=0)),
            "trainer": stack.enter_context(trainer(kafka, tmp_path)),
            "cad": stack.enter_context(city(kafka)),
        }
        for service in services.values():
            service.wait()
        time.sleep(FLOW_SECONDS)
        hurt(own)
        time.sleep(1.0)
        ended = ends(services)
        for service in services.values():
            service.close()
        assert ended.keys() == services.keys()
        failed = services["cad"].events["failed"]
        assert ended["cad"][0] == 1
        assert failed["undelivered"] >= PER_SECOND / 2
        if hurt is not freeze or failed["reason"] != "cut-off":
            assert f"{failed['undelivered']} messages are not acknowledged" in failed["detail"]
        assert {name: took for name, (_, took) in ended.items() if took >= DRAIN_SECONDS} == {}
