"""How the operators' port is guarded: TLS where there is a certificate, a name and a password where they are set."""

import base64
import hmac
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from transport.secret_files import read_secret

REALM: Final = 'Basic realm="severity", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask, and how. Files are read anew at each question: what was renewed counts without a restart.

    certificate, key: PEM files; both or none. username, password_file: of whoever may read `/metrics`; both or none.
    """

    certificate: Path | None = None
    key: Path | None = None
    username: str | None = None
    password_file: Path | None = None

    @property
    def scheme(self) -> str:
        """https where there is a certificate."""
        return "https" if self.certificate else "http"

    def secured(self, connection: socket.socket) -> socket.socket:
        """The connection by TLS, where it is to be. Raises OSError, of which ssl.SSLError is one."""
        if self.certificate is None:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context.wrap_socket(connection, server_side=True)

    def allows(self, authorization: str) -> bool:
        """Whether this header names the user and the password. Raises what `read_secret` does."""
        if self.username is None or self.password_file is None:
            return True
        kind, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
        except ValueError:  # no base64, of which binascii.Error is one
            return False
        # In a time that does not tell how much of it was right.
        return hmac.compare_digest(given, f"{self.username}:{read_secret(self.password_file)}".encode())


OPEN: Final = Access()
"""Whoever reaches the port may ask."""
