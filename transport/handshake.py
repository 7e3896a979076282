"""Why a broker's certificate is not accepted: the client says only that it is not, and blames its own settings."""

import socket
import ssl
from typing import Final

from transport.settings import KafkaSettings

SECONDS: Final = 1.0
"""How long each broker may take."""


def refused_certificates(settings: KafkaSettings) -> str | None:
    """Which brokers' certificates are refused and why, such as that they have expired; None where none is.

    A broker that cannot be reached is no matter of certificates.
    """
    if settings.security_protocol == "PLAINTEXT":
        return None
    context = ssl.create_default_context(cafile=settings.ssl_ca)
    found = [wrong for server in settings.bootstrap_servers.split(",") if (wrong := _refused(server.strip(), context))]
    return "; ".join(found) or None


def _refused(server: str, context: ssl.SSLContext) -> str | None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of {server} is refused: {error.verify_message}"
    except (OSError, ValueError):
        return None
