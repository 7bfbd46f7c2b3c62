"""Settings of a process: flags, or their ``NINGJU_*`` twins."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.base import Identifier
from schemas.zone import PolicyName

Role = Literal["api", "intake", "zones", "matcher", "dispatcher"]
ROLES: tuple[Role, ...] = get_args(Role)
PersonRole = Literal["viewer", "operator", "zone_lead", "admin", "auditor"]
Rate = Annotated[str, Field(pattern=r"^[1-9]\d{0,8}/(second|minute|hour|day)$")]


class Settings(BaseSettings):
    """What one process is told from outside.

    Parameters
    ----------
    data
        Folder of the embedded database.
    database
        Address of the database; empty: SQLite in ``data``.
    broker
        ``host:port`` of Kafka, several divided by commas; empty: the embedded broker.
    hosts
        Names that the server answers to besides those of this machine: a proxy's, such as ``ningju.example`` or
        ``*.example``.
    address
        Where people reach the server: ``https://ningju.example``. Its name need not be among ``hosts``.
    secret
        Signs cookies, forms and webhooks: at least 32 characters, the same in every process. Without it, a file in ``data``
        keeps one. Like the others it has no flag.
    oidc_issuer, oidc_client, oidc_secret, oidc_scope
        The provider that people sign in with; without one, whoever reaches the server is its local operator.
    role_claim, role_names, zone_claim
        Where the provider says what somebody may do (dots lead into objects: ``realm_access.roles``), what it calls our roles,
        and where it names the zones of a zone lead.
    session_hours
        Hours after which somebody signs in again.
    sign_in_rate, intake_rate
        Sign-ins from one address, and requests sent in by one caller, such as ``30/minute``.
    map_tiles, map_credit
        Pictures below the map, as ``https://tiles.example/{z}/{x}/{y}.png``, and whose they are; empty: the map needs nothing
        from outside.
    open311_jurisdiction
        Id by which Open311's clients name this place; empty: they need not.
    wait_s
        Seconds that a caller waits for a verdict where the call does not say.
    inbox_limit
        Open commands of people and other systems before they are told to come again.
    broker_ca
        Whose certificates of brokers are trusted, as PEM; with it the line is encrypted.
    broker_tls
        Whether the line to the broker is encrypted, with the certificates that the machine trusts.
    broker_user, broker_password, broker_mechanism
        Who signs in at the broker, and how. The password has no flag: a command line is read by everybody.
    partitions, replication
        Partitions of each topic, where they are made, and copies of each.
    solver_processes
        Processes that solve; 0 solves in the matcher's own.
    drain_s
        Seconds for what is under way at ``SIGTERM``.
    join_s
        Seconds that a role may be out of its consumer group before its process ends.
    """

    model_config = SettingsConfigDict(env_prefix="NINGJU_", frozen=True, extra="forbid")

    data: Path = Path(".ningju/data")
    database: SecretStr | None = None  # an address may hold a password
    broker: str | None = None
    broker_tls: bool = False
    broker_ca: Path | None = None
    broker_user: str | None = None
    broker_password: SecretStr | None = None
    broker_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    hosts: tuple[Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9.:_\[\]-]+$")], ...] = ()
    address: Annotated[str, Field(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+/?)?$")] = ""
    secret: Annotated[SecretStr, Field(min_length=32)] | None = None
    oidc_issuer: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    oidc_client: str | None = None
    oidc_secret: SecretStr | None = None
    oidc_scope: str = "openid profile"
    role_claim: Annotated[str, Field(min_length=1)] = "roles"
    role_names: dict[str, PersonRole] = Field(default_factory=dict)
    zone_claim: Annotated[str, Field(min_length=1)] = "zones"
    session_hours: Annotated[float, Field(gt=0, le=720)] = 8.0
    sign_in_rate: Rate = "30/minute"
    intake_rate: Rate = "600/minute"
    map_tiles: Annotated[str, Field(pattern=r"^(https?://[^\s;,'\"]+)?$")] = ""
    map_credit: Annotated[str, Field(max_length=200)] = ""
    open311_jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{0,100}$")] = ""
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] = ROLES
    scenario: Identifier | None = None
    roster: Path | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    wait_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    inbox_limit: Annotated[int, Field(ge=1)] = 10_000
    partitions: Annotated[int, Field(ge=1, le=1_000)] = 4
    replication: Annotated[int, Field(ge=1, le=9)] = 3
    solver_processes: Annotated[int, Field(ge=0, le=64)] = 1
    drain_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    join_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"

    @field_validator("database")
    @classmethod
    def _known(cls, address: SecretStr | None) -> SecretStr | None:
        """Refuse at once what no ledger stands on; the address itself is not repeated, for it may hold a password."""
        if address is None:
            return None
        scheme, colon, _ = address.get_secret_value().partition("://")
        if not colon or scheme.partition("+")[0] not in {"sqlite", "postgresql"}:
            raise ValueError("give an address such as postgresql://user@host/name or sqlite:///file.db")
        try:
            urlsplit(address.get_secret_value()).port  # noqa: B018 - reading it checks it
        except ValueError:
            raise ValueError(
                "the port of the address is no number; write @ and : in a password as %40 and %3A"
            ) from None
        return address

    @model_validator(mode="after")
    def _signed_in(self) -> Self:
        """Refuse at once what the broker would refuse later, or what would show the password to the network."""
        if (self.broker_user is None) != (self.broker_password is None):
            raise ValueError("give both NINGJU_BROKER_USER and NINGJU_BROKER_PASSWORD, or neither")
        if self.broker_user is not None and not self.encrypted:
            raise ValueError(
                "signing in at the broker needs an encrypted line: give NINGJU_BROKER_CA or NINGJU_BROKER_TLS"
            )
        if self.broker_ca is not None and not self.broker_ca.is_file():
            raise ValueError(f"NINGJU_BROKER_CA: there is no file {self.broker_ca}")
        return self

    @model_validator(mode="after")
    def _comes_in_safely(self) -> Self:
        """Refuse at once a sign-in that could not work, or that whoever listens could take over."""
        if self.oidc_issuer is None:
            return self
        if self.oidc_client is None or self.oidc_secret is None:
            raise ValueError("signing in needs NINGJU_OIDC_CLIENT and NINGJU_OIDC_SECRET, as the provider gave them")
        if not self.oidc_issuer.startswith("https://") and not _loopback(urlsplit(self.oidc_issuer).hostname or ""):
            raise ValueError("NINGJU_OIDC_ISSUER: the provider must be reached by https")
        if not self.on_loopback and not self.address.startswith("https://"):
            raise ValueError("listening off the loopback needs NINGJU_ADDRESS=https://…: cookies travel by https alone")
        return self

    @property
    def signs_in(self) -> bool:
        """Whether people have to sign in."""
        return self.oidc_issuer is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names that the server answers to besides those of this machine."""
        own = urlsplit(self.address).hostname
        return (*self.hosts, own) if own else self.hosts

    @property
    def encrypted(self) -> bool:
        """Whether the line to the broker is encrypted."""
        return self.broker_tls or self.broker_ca is not None

    @property
    def shared(self) -> bool:
        """Whether several processes may write the ledger at the same time."""
        return not self.database_url.startswith("sqlite")

    @property
    def database_url(self) -> str:
        """Address of the ledger."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.data / 'ningju.db'}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server; anything else is refused where nobody has to sign in."""
        return _loopback(self.host)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class DemoSettings(Settings):
    """What a simulated run is told besides.

    Parameters
    ----------
    days
        Days of arrivals, empty for the scenario's own; the clock runs on until each request has ended.
    places, boundaries, arrivals
        Files of real input, all three or none.
    picture
        Where to draw the summary, as SVG.
    keep_running
        Whether the system goes on after the run; ``None``: at a terminal.
    """

    data: Path = Path(".ningju/demo")
    days: Annotated[int | None, Field(ge=1, le=31)] = None
    solver_processes: Annotated[int, Field(ge=0, le=64)] = 2  # the clock stands still meanwhile
    places: Path | None = None
    boundaries: Path | None = None
    arrivals: Path | None = None
    policy: PolicyName = "ningju"
    report: Path | None = None
    picture: Path | None = None
    keep_running: bool | None = None
