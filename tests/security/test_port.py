"""The operators' port with TLS and a password."""

import base64
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from stream.settings import ScorerSettings
from telemetry.access import Access
from telemetry.health import Health
from telemetry.server import serve
from tests.security.authority import Authority

PASSWORD = "of-the-scrape-7Qd"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def access(authority: Authority, tmp_path: Path) -> Access:
    both = authority.server("port")
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    return Access(both, both, "prometheus", password)


def ask(address: str, authority: Authority, login: str | None = None) -> int:
    request = urllib.request.Request(address)
    if login is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    context = ssl.create_default_context(cafile=str(authority.file))
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_metrics_are_for_who_knows_the_password_and_health_for_whoever_restarts_it(
    authority: Authority, access: Access
) -> None:
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0, access) as address:
        assert address.startswith("https://")
        assert ask(f"{address}/metrics", authority, f"prometheus:{PASSWORD}") == 200
        for login in (None, f"prometheus:{PASSWORD}x", f"other:{PASSWORD}", "", "prometheus:", PASSWORD):
            assert ask(f"{address}/metrics", authority, login) == 401
        assert ask(f"{address}/livez", authority) == 200


@pytest.mark.parametrize("header", ["Basic", "Basic ü", "Basic ====", "Bearer abc", "basic " + "A" * 60_000])
def test_a_login_that_is_none_is_refused_and_breaks_nothing(header: str, access: Access) -> None:
    assert access.allows(header) is False


def test_without_tls_nobody_gets_an_answer(access: Access) -> None:
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0, access) as address:
        plain = http.client.HTTPConnection(address.removeprefix("https://"), timeout=10)
        plain.request("GET", "/metrics")
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            plain.getresponse()


def test_one_who_never_shakes_hands_keeps_nobody_waiting(authority: Authority, access: Access) -> None:
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0, access) as address:
        host, _, port = address.removeprefix("https://").partition(":")
        with socket.create_connection((host, int(port))):
            assert ask(f"{address}/livez", authority) == 200


def test_a_renewed_certificate_and_password_count_at_once(authority: Authority, access: Access, tmp_path: Path) -> None:
    authority.server("port", timedelta(seconds=-1))
    with serve(CollectorRegistry(), Health("scorer"), "127.0.0.1", 0, access) as address:
        with pytest.raises(urllib.error.URLError, match="expired"):
            ask(f"{address}/livez", authority)
        authority.server("port")
        (tmp_path / "password").write_text("another")
        assert ask(f"{address}/metrics", authority, f"prometheus:{PASSWORD}") == 401
        assert ask(f"{address}/metrics", authority, "prometheus:another") == 200


def test_a_password_that_would_travel_in_the_clear_is_refused(tmp_path: Path) -> None:
    login = {"metrics_username": "prometheus", "metrics_password_file": tmp_path / "password"}
    with pytest.raises(ValidationError, match="in the clear"):
        ScorerSettings(metrics_host="0.0.0.0", **login)
    assert ScorerSettings(**login).metrics_access.username == "prometheus"


@pytest.mark.parametrize("half", ["metrics_key", "metrics_certificate", "metrics_password_file"])
def test_half_of_a_guard_is_refused(half: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        ScorerSettings.model_validate({half: tmp_path / "file"})
