"""Settings of the operators' port, which every service has in its own."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from telemetry.access import Access


class PortSettings(BaseSettings):
    """Where `/metrics`, `/livez` and `/readyz` answer, and whom."""

    metrics_host: str = Field("127.0.0.1", description="Address on which /metrics, /livez and /readyz answer.")
    metrics_certificate: Path | None = Field(
        None, description="PEM file of that port's certificate and chain, which makes it TLS; read at each connection."
    )
    metrics_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    metrics_username: str | None = Field(
        None, min_length=1, pattern="^[^:]*$", description="Who may read /metrics; unset: whoever reaches the port."
    )
    metrics_password_file: Path | None = Field(None, description="File with that user's password; read at each scrape.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.metrics_certificate) != bool(self.metrics_key):
            raise ValueError("metrics_certificate and metrics_key belong together: set both or none")
        if bool(self.metrics_username) != bool(self.metrics_password_file):
            raise ValueError("metrics_username and metrics_password_file belong together: set both or none")
        if self.metrics_username and not self.metrics_certificate and not _is_loopback(self.metrics_host):
            raise ValueError("a password in the clear is everybody's: set metrics_certificate and metrics_key, too")
        return self

    @property
    def metrics_access(self) -> Access:
        """How the port is guarded."""
        return Access(self.metrics_certificate, self.metrics_key, self.metrics_username, self.metrics_password_file)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
