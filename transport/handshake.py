"""Why a certificate is not accepted, the broker's or ours: the client says only that it is not, and blames settings."""

import socket
import ssl
from typing import Final

from transport.secret_files import read_secret
from transport.settings import KafkaSettings

SECONDS: Final = 1.0
"""How long each broker may take."""

ALERT: Final = "_ALERT_"
"""Stands before the cause, in what OpenSSL calls a refusal by the other side."""


def refused_certificates(settings: KafkaSettings) -> str | None:
    """Which certificates are refused and why, such as that they have expired; None where none is.

    A broker that cannot be reached is no matter of certificates.
    """
    if settings.security_protocol == "PLAINTEXT":
        return None
    try:
        context = _context(settings)
    except OSError as error:  # also ssl.SSLError: a key that is another certificate's
        return f"the files of authority, certificate and key cannot be used: {error}"
    found = [wrong for server in settings.bootstrap_servers.split(",") if (wrong := _refused(server.strip(), context))]
    return "; ".join(found) or None


def _context(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca)
    if settings.ssl_certificate:
        file = settings.ssl_key_password_file
        context.load_cert_chain(settings.ssl_certificate, settings.ssl_key, read_secret(file) if file else None)
    return context


def _refused(server: str, context: ssl.SSLContext) -> str | None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            secured.recv(1)  # a broker that is content says nothing; one that refuses ours does so only now
            return None
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of {server} is refused: {error.verify_message}"
    except ssl.SSLError as error:
        _, refusal, why = (error.reason or "").partition(ALERT)
        return f"{server} refuses this client: {why.replace('_', ' ').lower()}" if refusal else None
    except (OSError, ValueError):
        return None
