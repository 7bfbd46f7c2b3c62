"""How a broker is spoken to: in the open, or by TLS with a name and a password (SCRAM); for each of our three clients."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT


@dataclass(frozen=True, slots=True)
class Security:
    """What a client shows and wants to be shown; by default nothing.

    Parameters
    ----------
    tls
        Whether the line is encrypted and the broker shows a certificate for the name it is called by.
    ca
        Whose certificates are trusted, as PEM; none: those the machine trusts.
    user, password, mechanism
        Who signs in, and how; without a user nobody does.
    """

    tls: bool = False
    ca: Path | None = None
    user: str | None = None
    password: str = field(default="", repr=False)
    mechanism: str = "SCRAM-SHA-512"

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        return ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")

    def context(self) -> ssl.SSLContext | None:
        """What TLS trusts; none without TLS."""
        return ssl.create_default_context(cafile=self.ca) if self.tls else None

    def client(self) -> dict[str, Any]:
        """Write it as aiokafka and kafka-python want it."""
        told: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.context()}
        if self.user:
            told |= {"sasl_mechanism": self.mechanism, "sasl_plain_username": self.user}
            told |= {"sasl_plain_password": self.password}
        return told

    def credentials(self) -> CredentialsT | None:
        """Write it as Faust wants it."""
        context = self.context()
        if self.user:
            return SASLCredentials(
                username=self.user, password=self.password, ssl_context=context, mechanism=self.mechanism
            )
        return None if context is None else SSLCredentials(context)


OPEN = Security()
"""No encryption and no sign-in: the embedded broker, and trials on one machine."""
