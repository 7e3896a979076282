"""moto's S3 server, on loopback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer


@contextmanager
def s3() -> Iterator[str]:
    """URL of an empty bucket; how to reach it is in the environment, for child processes too."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-very-secret",
        "AWS_REGION": "us-east-1",
    }
    try:
        with patch.dict(os.environ, environment):
            urlopen(Request(f"{endpoint}/releases", method="PUT"), timeout=30).close()
            yield "s3://releases"
    finally:
        server.stop()
