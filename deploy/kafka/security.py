"""Certificates, users and passwords of a secured Kafka on this machine: made anew for each cluster, good for nothing else."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MECHANISM: Final = "SCRAM-SHA-512"
BROKER: Final = "broker"
"""Brokers among themselves: by certificate as controllers, by password otherwise."""

ADMIN: Final = "admin"
ROLES: Final = ("api", "intake", "zones", "matcher", "dispatcher")
PREFIX: Final = "ningju-"
SENDER: Final = "city-hotline"
"""Another system, that sends requests."""


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(slots=True)
class Secured:
    """A certificate authority, and a password for each user: brokers, administrator, roles and one other system."""

    folder: Path
    passwords: dict[str, str] = field(
        default_factory=lambda: {
            user: _password() for user in (BROKER, ADMIN, SENDER, *(f"{PREFIX}{role}" for role in ROLES))
        }
    )

    @property
    def ca(self) -> Path:
        """What clients are to trust."""
        return self.folder / "ca.pem"

    @property
    def key_store(self) -> Path:
        """The brokers' certificate and key."""
        return self.folder / "broker.pem"

    def write(self) -> None:
        """Make the certificates; they name the loopback and nothing else."""
        import trustme  # of the tests' dependencies: a launcher without --secure does without
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            load_pem_private_key,
        )

        self.folder.mkdir(mode=0o700, parents=True)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca)
        made = authority.issue_cert("127.0.0.1", "localhost", common_name=BROKER)
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # Kafka reads no other form
        self.key_store.touch(mode=0o600)
        self.key_store.write_bytes(pem + b"".join(one.bytes() for one in made.cert_chain_pems))

    def environment(self, user: str, address: str) -> dict[str, str]:
        """Settings by which a process of ours signs in as a user."""
        return {
            "NINGJU_BROKER": address,
            "NINGJU_BROKER_CA": str(self.ca),
            "NINGJU_BROKER_USER": user,
            "NINGJU_BROKER_PASSWORD": self.passwords[user],
        }

    def write_environments(self, address: str) -> None:
        """Write a file for each user, for ``set -a; . FILE``."""
        for user in self.passwords.keys() - {BROKER}:
            file = self.folder / f"{user}.env"
            file.touch(mode=0o600)
            file.write_text("".join(f"{key}={value}\n" for key, value in self.environment(user, address).items()))

    def users(self) -> tuple[str, ...]:
        """Arguments that have the users in the cluster before its first start."""
        return tuple(
            word
            for user, password in self.passwords.items()
            for word in ("--add-scram", f"{MECHANISM}=[name={user},password={password}]")
        )

    def settings(self) -> dict[str, object]:
        """Write a broker's settings: who does not sign in stays out, and what no rule allows is denied."""
        return {
            "inter.broker.listener.name": "CLIENT",
            "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SSL",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"listener.name.client.{MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required "
                f'username="{BROKER}" password="{self.passwords[BROKER]}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.key_store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca,
            # Passwords are kept by the controllers themselves, so these know each other by certificate.
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]*).*$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{BROKER};User:{ADMIN}",
        }
