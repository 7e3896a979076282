"""The port for those who run a service: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever restarts it."""

import json
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from telemetry.access import OPEN, REALM, Access
from telemetry.health import Health, ask

if TYPE_CHECKING:  # wsgiref.types is for type checkers
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

SILENT_SECONDS: Final = 10.0
"""After which a connection that says nothing is closed."""


@contextmanager
def serve(registry: CollectorRegistry, health: Health, host: str, port: int, access: Access = OPEN) -> Iterator[str]:
    """Answer at `host`:`port` (0: a free one) until the block ends; yields the address, as http://HOST:PORT.

    `access` guards all of it by TLS, and `/metrics` by name and password: whoever restarts a service can give none, and
    what they are told is no secret.

    Each question has a thread of its own, so that one that waits keeps none from being answered. Raises OSError when
    the port is taken.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    kind: type[WSGIServer] = type("Server", (_Server,), {"address_family": family, "access": access})
    server: WSGIServer = make_server(host, port, application(registry, health, access), kind, _Quiet)
    thread = threading.Thread(target=server.serve_forever, name="telemetry", daemon=True)
    thread.start()
    try:
        yield f"{access.scheme}://{f'[{host}]' if ':' in host else host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def application(registry: CollectorRegistry, health: Health, access: Access = OPEN) -> "WSGIApplication":
    """The pages by path."""
    metrics = make_wsgi_app(registry)
    pages = {"/livez": ("live", health.live), "/readyz": ("ready", health.ready)}

    def route(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            if not access.allows(environ.get("HTTP_AUTHORIZATION", "")):
                return _json(start, "401 Unauthorized", {"wrong": "name or password"}, ("WWW-Authenticate", REALM))
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        if path not in pages:
            return _json(start, "404 Not Found", {"pages": ["/metrics", *pages]})
        name, questions = pages[path]
        answered = ask(questions)
        checks = {check: wrong or "ok" for check, wrong in answered.found.items()}
        status = "200 OK" if answered.well else "503 Service Unavailable"
        return _json(start, status, {"service": health.service, name: answered.well, "checks": checks})

    return route


def _json(start: "StartResponse", status: str, body: object, *more: tuple[str, str]) -> Iterable[bytes]:
    content = json.dumps(body).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content))), *more]
    start(status, [*headers, ("Cache-Control", "no-store")])
    return [content]


class _Server(ThreadingWSGIServer):
    """Speaks TLS on the thread of the one who asks: a handshake that does not come keeps nobody else waiting."""

    access: Access

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection."""
        request.settimeout(SILENT_SECONDS)
        try:
            secured = self.access.secured(request)
        except OSError as error:  # a scanner, a client that does not trust us, or our own files
            logger.warning("the operators' port could not speak TLS with %s: %s", client_address[0], error)
            return
        with secured:
            super().finish_request(secured, client_address)


class _Quiet(WSGIRequestHandler):
    """Logs no requests, and waits for none that does not come."""

    timeout = SILENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Nothing."""
