"""Promises of the port that operators look at."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Gauge

from telemetry.health import Health
from telemetry.heart import Heart
from telemetry.server import serve


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_page_a_question_and_each_says_what_is_wrong() -> None:
    state: dict[str, str | None] = {"broker": "no broker answers", "assigned": None}
    health = Health(
        "scorer",
        live={"loop": lambda: None},
        ready={"broker": lambda: state["broker"], "assigned": lambda: state["assigned"]},
    )
    with serve(CollectorRegistry(), health, "127.0.0.1", 0) as address:
        status, body = get(f"{address}/readyz")
        said: Mapping[str, object] = json.loads(body)
        assert status == 503
        assert said == {
            "service": "scorer", "ready": False, "checks": {"broker": "no broker answers", "assigned": "ok"}
        }  # fmt: skip
        assert get(f"{address}/livez")[0] == 200
        state["broker"] = None
        assert get(f"{address}/readyz")[0] == 200


def test_the_metric_tells_the_same_as_the_page() -> None:
    registry = CollectorRegistry()
    Gauge("other", "Of the service.", registry=registry).set(7)
    health = Health("scorer", ready={"broker": lambda: "away", "model": lambda: None})
    registry.register(health)
    with serve(registry, health, "127.0.0.1", 0) as address:
        status, page = get(f"{address}/metrics")
    assert status == 200
    assert 'severity_ready{check="broker"} 0.0' in page
    assert 'severity_ready{check="model"} 1.0' in page
    assert "other 7.0" in page


def test_registering_asks_nothing() -> None:
    def asked() -> str | None:
        pytest.fail("asked")

    CollectorRegistry(auto_describe=True).register(Health("scorer", ready={"broker": asked}))


def test_a_question_that_fails_is_not_well_and_the_page_is_there_all_the_same() -> None:
    health = Health("scorer", ready={"broker": lambda: str(1 / 0)})
    with serve(CollectorRegistry(), health, "127.0.0.1", 0) as address:
        status, body = get(f"{address}/readyz")
    assert status == 503
    assert "ZeroDivisionError" in body


def test_other_paths_are_not_found_and_say_what_there_is() -> None:
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0) as address:
        status, body = get(f"{address}/")
    assert status == 404
    assert json.loads(body) == {"pages": ["/metrics", "/livez", "/readyz"]}


def test_one_who_says_nothing_keeps_nobody_waiting_and_the_port_is_free_at_the_end() -> None:
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))):
            assert get(f"{address}/livez")[0] == 200
    with serve(CollectorRegistry(), Health("scorer"), host, int(port)):
        assert get(f"{address}/livez")[0] == 200


def test_a_port_that_is_taken_is_said_so() -> None:
    with (
        serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0) as address,
        pytest.raises(OSError, match="in use"),
        serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", int(address.rpartition(":")[2])),
    ):
        pass


def test_a_loop_that_no_longer_comes_round_is_not_live() -> None:
    now = 0.0
    heart = Heart(5.0, lambda: now)
    now = 100.0
    assert heart.silent() is None, "it has not begun"
    heart.beat()
    now = 105.0
    assert heart.silent() is None
    now = 106.0
    assert "6 s" in (heart.silent() or "")
    heart.beat()
    assert heart.silent() is None
