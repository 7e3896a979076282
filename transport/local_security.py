"""What makes a local Kafka guarded: TLS, users by SCRAM or by certificate, and ACLs that refuse what nobody allowed.

Between the node's two halves, and from node to node, it stays plain: that never leaves loopback.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from transport.local_node import HOST, Address
from transport.secret_files import read_secret
from transport.settings import KafkaSettings

ADMIN: Final = "admin"
"""The one user who may do everything; its password's or certificate's file is among those of the users."""

MECHANISM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class LocalSecurity:
    """Files and users of a guarded broker.

    keystore: PEM, the broker's private key, its certificate and the chain. authority: PEM, who signed it.
    passwords: by user's name, the file of each; `admin` among them.
    """

    keystore: Path
    authority: Path
    passwords: Mapping[str, Path]

    def properties(self, address: Address) -> dict[str, str]:
        """The server's, in place of an open one's."""
        return {
            **_guarded(address, "SASL_SSL", self.keystore, ADMIN),
            "sasl.enabled.mechanisms": MECHANISM,
            f"listener.name.client.{MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        }

    def users(self) -> list[str]:
        """Arguments of the storage tool that make the users."""
        return [
            argument
            for name, file in self.passwords.items()
            for argument in ("--add-scram", f"{MECHANISM}=[name={name},password={read_secret(file)}]")
        ]

    def settings(self, bootstrap_servers: str, group_id: str, user: str = ADMIN) -> KafkaSettings:
        """How `user` reaches it."""
        return KafkaSettings(
            bootstrap_servers=bootstrap_servers,
            group_id=group_id,
            security_protocol="SASL_SSL",
            ssl_ca=self.authority,
            sasl_mechanism=MECHANISM,
            sasl_username=user,
            sasl_password_file=self.passwords[user],
        )


@dataclass(frozen=True, slots=True)
class LocalCertificates:
    """The same, where each user proves by a certificate of the authority who it is: `User:CN=<name>` to the ACLs.

    certificates: by user's name, a PEM file of certificate and private key; `admin` among them.
    """

    keystore: Path
    authority: Path
    certificates: Mapping[str, Path]

    def properties(self, address: Address) -> dict[str, str]:
        """The server's, in place of an open one's."""
        return {
            **_guarded(address, "SSL", self.keystore, f"CN={ADMIN}"),
            "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.as_posix(),
        }

    def users(self) -> list[str]:
        """None is kept: a certificate says who somebody is."""
        return []

    def settings(self, bootstrap_servers: str, group_id: str, user: str = ADMIN) -> KafkaSettings:
        """How `user` reaches it."""
        return KafkaSettings(
            bootstrap_servers=bootstrap_servers,
            group_id=group_id,
            security_protocol="SSL",
            ssl_ca=self.authority,
            ssl_certificate=self.certificates[user],
            ssl_key=self.certificates[user],
        )


def _guarded(address: Address, protocol: str, keystore: Path, admin: str) -> dict[str, str]:
    client, nodes = f"{HOST}:{address.port}", f"{HOST}:{address.nodes_port}"
    return {
        "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:PLAINTEXT,NODES:PLAINTEXT",
        "listeners": f"CLIENT://{client},NODES://{nodes},CONTROLLER://{HOST}:{address.controller_port}",
        "advertised.listeners": f"CLIENT://{client},NODES://{nodes}",
        "inter.broker.listener.name": "NODES",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore.as_posix(),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        # Nobody is anonymous on the clients' listener; on the other two the nodes themselves are.
        "super.users": f"User:{admin};User:ANONYMOUS",
    }
