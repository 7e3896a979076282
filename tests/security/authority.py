"""A certificate authority of the test's own, and the certificates that it signs."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from transport.local_node import HOST


class Authority:
    """Signs certificates into `folder`; `file` holds its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        made = self._signed(self._name, self._key, timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, lasting: timedelta = timedelta(days=1), host: str = HOST) -> Path:
        """Sign for a server on `host`: a PEM file of the private key and the certificate, replaced where it is there.

        lasting: from now on; a negative one has expired.
        """
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        return self._issue(name, lasting, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str, lasting: timedelta = timedelta(days=1)) -> Path:
        """Sign for a client, likewise; it is no server's."""
        return self._issue(name, lasting, None, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, name: str, lasting: timedelta, names: x509.SubjectAlternativeName | None, use: x509.ObjectIdentifier
    ) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(_named(name), key, lasting)
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if names is not None:
            made = made.add_extension(names, critical=False)
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasting: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + lasting)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
