"""The broker as settings say, and what is done to its topics from the command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from ningju.settings import Settings
from streams import access, provisioning
from streams.apps import Connection
from streams.provisioning import Fault, Wanted
from streams.security import Security


@dataclass(frozen=True, slots=True)
class Topics:
    """What was done to the topics, and what is still wrong with them."""

    done: tuple[str, ...]
    faults: tuple[Fault, ...]


def security(settings: Settings) -> Security:
    """Tell how the broker is spoken to."""
    password = settings.broker_password
    return Security(
        tls=settings.encrypted,
        ca=settings.broker_ca,
        user=settings.broker_user,
        password="" if password is None else password.get_secret_value(),
        mechanism=settings.broker_mechanism,
    )


def connection(settings: Settings) -> Connection:
    """Tell where the broker is and how it is spoken to."""
    return Connection(_address(settings), security=security(settings), join_s=settings.join_s)


def wanted(settings: Settings) -> Wanted:
    """Tell what topics are to be like; a number of partitions that nobody gave is not insisted on."""
    given = "partitions" in settings.model_fields_set
    return Wanted(settings.partitions if given else None, settings.replication)


def ensure(settings: Settings) -> Topics:
    """Make missing topics and set their settings."""
    done, faults = provisioning.ensure(_address(settings), wanted(settings), security(settings))
    return Topics(tuple(done), tuple(faults))


def check(settings: Settings) -> Topics:
    """Compare the topics with what they are to be like."""
    return Topics((), tuple(provisioning.check(_address(settings), wanted(settings), security(settings))))


def renew(settings: Settings) -> Topics:
    """Make the topics of commands and events anew, empty."""
    renewed = provisioning.renew(_address(settings), wanted(settings), security(settings))
    return Topics(tuple(f"{name}: emptied" for name in renewed), check(settings).faults)


def grant(settings: Settings, prefix: str, senders: Sequence[str], *, dry: bool) -> access.Granted:
    """Allow each role what it needs on the topics, and nobody anything else."""
    change = access.compare if dry else access.grant
    return change(_address(settings), prefix, senders, security(settings))


def _address(settings: Settings) -> str:
    if settings.broker is None:
        raise ValueError("no broker was named")
    return settings.broker
