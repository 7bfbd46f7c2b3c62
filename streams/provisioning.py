"""The topics on a real broker: made, compared with what they must be, and mended where that is safe.

The embedded broker knows none of this: there, topics come to life when first named.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
)

from engine.ports import Unavailable
from streams.security import OPEN, Security
from streams.topics import Topic

RETENTION: Mapping[str, timedelta] = {
    Topic.REQUESTS: timedelta(days=7),  # it has no other home: so long may the intake be down
    Topic.COMMANDS: timedelta(days=1),  # sent again from the inbox
    Topic.EVENTS: timedelta(days=1),  # read again from the ledger
    Topic.DEAD_LETTERS: timedelta(days=29),  # with the segment's day: gone when the table's bytes are
}
PARTITIONS = 4
"""Of new topics, where nobody says how many."""

GROUPS = ("ningju-zones", "ningju-matcher", "ningju-dispatcher")
"""Consumers of the two topics that the ledger can fill again."""

ANSWER_S = 10.0
"""Seconds after which nobody answers."""

SEGMENT = timedelta(days=1)
"""A segment is dropped whole, when its youngest record is too old; so no record outlives its time by more than this."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What topics are to be like.

    Parameters
    ----------
    partitions
        Of every topic: a zone's commands and events go by the same number. In a comparison none takes any number that all
        have.
    replication
        Copies of each partition; all but one of them must have a record before it counts as sent.
    """

    partitions: int | None = None
    replication: int = 3
    retention: Mapping[str, timedelta] = field(default_factory=lambda: RETENTION)

    def configs(self, topic: str) -> dict[str, str]:
        """Write a topic's settings as Kafka has them."""
        told = {
            "cleanup.policy": "delete",
            "min.insync.replicas": str(max(1, self.replication - 1)),
            "unclean.leader.election.enable": "false",  # rather no leader than one that lost what was acknowledged
        }
        if topic in self.retention:
            told["retention.ms"] = _ms(self.retention[topic])
            told["segment.ms"] = _ms(min(SEGMENT, self.retention[topic]))
        return told


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a topic and what to do.

    Parameters
    ----------
    mends
        Settings that ``ensure`` may simply set.
    new
        Whether it may be only that the topic was made a moment ago.
    """

    topic: str
    what: str
    cure: str
    mends: Mapping[str, str] = field(default_factory=dict)
    new: bool = False


def ensure(bootstrap: str, wanted: Wanted, security: Security = OPEN) -> tuple[list[str], list[Fault]]:
    """Make the topics that are missing and set settings that differ; partitions and copies are never touched.

    Returns
    -------
    tuple
        What was done, in words, and the faults that are left.

    Raises
    ------
    engine.ports.Unavailable
        When the broker does not answer, has too few brokers, or does not allow it.
    """
    with administrator(bootstrap, security) as admin:
        done = [f"{name}: made" for name in _create(admin, wanted, tuple(Topic))]
        _until_known(admin, wanted)
        for fault in _faults(admin, wanted):
            if fault.mends:
                _set(admin, fault.topic, fault.mends)
                done.append(f"{fault.topic}: {', '.join(f'{key}={value}' for key, value in fault.mends.items())}")
        return done, _faults(admin, wanted)


def check(bootstrap: str, wanted: Wanted, security: Security = OPEN) -> list[Fault]:
    """Compare the topics with what they are to be like.

    Raises
    ------
    engine.ports.Unavailable
        When the broker does not answer, or does not allow it.
    """
    with administrator(bootstrap, security) as admin:
        return _faults(admin, wanted)


def renew(bootstrap: str, wanted: Wanted, security: Security = OPEN) -> list[str]:
    """Drop commands and events, which the ledger has, and make their topics anew: after the ledger went back in time.

    A broker that is ahead of the ledger would hand on events that never were.

    Raises
    ------
    engine.ports.Unavailable
        When roles still run, which would be left without partitions, or the broker does not answer or allow it.
    """
    names = [str(Topic.COMMANDS), str(Topic.EVENTS)]
    with administrator(bootstrap, security) as admin:
        known = {group["group_id"] for group in admin.list_groups()} & set(
            GROUPS
        )  # a new cluster has none to ask about
        running = [group for group in sorted(known) if admin.describe_groups([group])[group]["members"]]
        if running:
            raise Unavailable(f"roles still run: {', '.join(running)}; stop them, and come again ten seconds later")
        there = [name for name in names if name in admin.list_topics()]
        if there:
            admin.delete_topics(there)
        for _ in range(100):  # Kafka deletes in its own time, and until then the name is taken
            made = _create(admin, wanted, names)
            names = [name for name in names if name not in made]
            if not names:
                _until_known(admin, wanted)
                return there
    raise Unavailable(f"{', '.join(names)} did not go away; see the broker's log, then `ningju topics ensure`")


def provision(
    bootstrap: str,
    *,
    partitions: int,
    replication: int,
    names: Iterable[str] = tuple(Topic),
    security: Security = OPEN,
) -> list[str]:
    """Create the topics that are missing; return those that were created. Topics that are there already keep what they are."""
    with administrator(bootstrap, security) as admin:
        return _create(admin, Wanted(partitions, replication), [str(name) for name in names])


@contextmanager
def administrator(bootstrap: str, security: Security) -> Iterator[KafkaAdminClient]:
    """Give an administrator's line to the broker.

    Raises
    ------
    engine.ports.Unavailable
        When it does not answer, or does not do what it is asked.
    """
    admin = None
    try:
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=int(1_000 * ANSWER_S), **security.client()
            )
        except (KafkaError, OSError) as away:
            told = f"or it does not let {security.user} in" if security.user else "or it wants everybody to sign in"
            raise Unavailable(f"no Kafka answers at {bootstrap}, {told}") from away
        yield admin
    except InvalidReplicationFactorError as few:
        raise Unavailable(
            "there are fewer brokers than copies wanted: start more, or ask for less --replication"
        ) from few
    except AuthorizationError as denied:
        who = security.user or "nobody in particular"
        raise Unavailable(f"the broker does not allow {who} to do this: sign in as its administrator") from denied
    except (KafkaError, OSError) as away:
        raise Unavailable(f"Kafka at {bootstrap} does not do it: {away!r}") from away
    finally:
        if admin is not None:
            admin.close()


def _create(admin: KafkaAdminClient, wanted: Wanted, names: Iterable[str]) -> list[str]:
    there = set(admin.list_topics())
    created = []
    for name in names:
        if name in there:
            continue
        new = NewTopic(
            str(name),
            num_partitions=wanted.partitions or PARTITIONS,
            replication_factor=wanted.replication,
            topic_configs=wanted.configs(name),
        )
        try:
            admin.create_topics([new])
        except TopicAlreadyExistsError:  # somebody else was quicker
            continue
        created.append(str(name))
    return created


def _until_known(admin: KafkaAdminClient, wanted: Wanted, timeout_s: float = 10.0) -> None:
    """Wait until every broker knows of what was just made."""
    end = monotonic() + timeout_s
    while monotonic() < end and any(fault.new for fault in _faults(admin, wanted)):
        sleep(0.1)


def _set(admin: KafkaAdminClient, topic: str, configs: Mapping[str, str]) -> None:
    change = ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))
    answer = admin.alter_configs([change], raise_on_unknown=False)["topic"][topic]
    if answer != "OK":
        raise Unavailable(f"{topic} cannot be changed: {answer}; sign in as the broker's administrator")


def _faults(admin: KafkaAdminClient, wanted: Wanted) -> list[Fault]:
    names = [str(topic) for topic in Topic]
    there = {topic["name"]: topic for topic in admin.describe_topics(names) if topic["partitions"]}
    faults = [
        Fault(name, "is missing", "`ningju topics ensure` makes it", new=True) for name in names if name not in there
    ]
    faults += _of_order({name: len(topic["partitions"]) for name, topic in there.items()}, wanted)
    for name, topic in there.items():
        copies = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
        if copies < wanted.replication:
            cure = "have Kafka's administrator reassign its partitions, or ask for less --replication"
            faults.append(Fault(name, f"has {copies} copies instead of {wanted.replication}", cure))
        offline = sum(partition["leader_id"] < 0 for partition in topic["partitions"])
        if offline:
            faults.append(Fault(name, f"has {offline} partitions without a leader", "start the brokers that are down"))
    return faults + _of_settings(admin, sorted(there), wanted)


def _of_order(counts: Mapping[str, int], wanted: Wanted) -> list[Fault]:
    """A zone's order holds within a partition: its number must be the same everywhere and must not change."""
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        cure = f"stop all roles, delete the topics of the smaller number, `ningju topics ensure --partitions {max(counts.values())}`"
        return [Fault("all topics", f"have different numbers of partitions: {told}", cure)]
    different = {count for count in counts.values() if wanted.partitions not in {None, count}}
    if different:
        (count,) = different
        cure = (
            f"say --partitions {count}; to change it: stop all roles, `ningju topics renew`, delete the others, ensure"
        )
        return [Fault("all topics", f"have {count} partitions instead of {wanted.partitions}", cure)]
    return []


def _of_settings(admin: KafkaAdminClient, names: list[str], wanted: Wanted) -> list[Fault]:
    if not names:
        return []
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(wanted.configs(name))) for name in names]
    answered: dict[str, dict[str, dict[str, Any]]] = admin.describe_configs(asked, config_filter="all")["topic"]
    faults = []
    for name in names:
        have = {key: found["value"] for key, found in answered[name].items()}
        if not have:
            cure = "sign in as the administrator, or have `ningju topics grant` let this user look"
            faults.append(Fault(name, "does not show its settings", cure, new=True))
            continue
        mends = {key: value for key, value in wanted.configs(name).items() if have.get(key) != value}
        if mends:
            told = ", ".join(f"{key}={have.get(key)}" for key in mends)
            faults.append(Fault(name, f"has {told}", "`ningju topics ensure` sets it", mends))
    return faults


def _ms(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))
