"""Who may do what on a broker that denies by default: one principal for each role, and other systems' senders.

Only the zones write events, and only who has a door writes commands. ``grant`` takes away what is not listed here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from engine.ports import Unavailable
from streams.provisioning import administrator
from streams.security import Security
from streams.topics import Topic

READS = {
    "intake": Topic.REQUESTS,
    "zones": Topic.COMMANDS,
    "matcher": Topic.EVENTS,
    "dispatcher": Topic.EVENTS,
}
WRITES = {
    "api": (Topic.COMMANDS,),
    "intake": (Topic.COMMANDS, Topic.DEAD_LETTERS),
    "zones": (Topic.COMMANDS, Topic.EVENTS, Topic.DEAD_LETTERS),
    "matcher": (Topic.COMMANDS, Topic.DEAD_LETTERS),
    "dispatcher": (Topic.COMMANDS, Topic.DEAD_LETTERS),
}

Rule: TypeAlias = ACL


@dataclass(frozen=True, slots=True)
class Granted:
    """What ``grant`` changed, in words."""

    given: tuple[str, ...]
    taken: tuple[str, ...]


def rules(prefix: str, senders: Collection[str] = ()) -> frozenset[Rule]:
    """Write down everything that is allowed.

    Parameters
    ----------
    prefix
        A role's user is called ``<prefix><role>``; so are the consumer groups, with the prefix ``ningju-``.
    senders
        Users of other systems that send requests.
    """
    allowed = set()
    for role, topics in WRITES.items():
        user = f"{prefix}{role}"
        allowed |= {_allow(user, ResourceType.TOPIC, topic, ACLOperation.WRITE) for topic in topics}
        for look in (ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS):  # the second is for `ningju doctor`
            allowed |= {_allow(user, ResourceType.TOPIC, topic, look) for topic in Topic}
        if role in READS:
            allowed.add(_allow(user, ResourceType.TOPIC, READS[role], ACLOperation.READ))
            allowed.add(_allow(user, ResourceType.GROUP, f"ningju-{role}", ACLOperation.READ))
    for sender in senders:
        allowed.add(_allow(sender, ResourceType.TOPIC, Topic.REQUESTS, ACLOperation.WRITE))
    return frozenset(allowed)


def grant(bootstrap: str, prefix: str, senders: Collection[str], security: Security) -> Granted:
    """Allow on our topics and groups what the rules say, and nothing else.

    Rules for all topics, or for names that begin alike, are the administrator's and stay.

    Raises
    ------
    engine.ports.Unavailable
        When the broker does not answer, does not allow it, or has no authorizer.
    """
    wanted = rules(prefix, senders)
    with administrator(bootstrap, security) as admin:
        there = set(_ours(admin))
        new, old = sorted(wanted - there, key=repr), sorted(there - wanted, key=repr)
        if new and (failed := admin.create_acls(new)["failed"]):
            raise Unavailable(f"the broker did not take {len(failed)} rules: {failed[0].__name__}")
        if old:
            admin.delete_acls([_just(rule) for rule in old])
    return Granted(tuple(map(_words, new)), tuple(map(_words, old)))


def compare(bootstrap: str, prefix: str, senders: Collection[str], security: Security) -> Granted:
    """Tell what ``grant`` would give and take."""
    wanted = rules(prefix, senders)
    with administrator(bootstrap, security) as admin:
        there = set(_ours(admin))
    return Granted(
        tuple(_words(rule) for rule in sorted(wanted - there, key=repr)),
        tuple(_words(rule) for rule in sorted(there - wanted, key=repr)),
    )


def _ours(admin: KafkaAdminClient) -> Iterator[Rule]:
    everything = ACLFilter(
        None,
        None,
        ACLOperation.ANY,
        ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.LITERAL),
    )
    groups = {f"ningju-{role}" for role in READS}
    for rule in admin.describe_acls(everything)[0]:
        kind, name = rule.resource_pattern.resource_type, rule.resource_pattern.resource_name
        if (kind == ResourceType.TOPIC and name in set(Topic)) or (kind == ResourceType.GROUP and name in groups):
            yield rule


def _allow(user: str, kind: ResourceType, name: str, operation: ACLOperation) -> Rule:
    return ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, str(name)))


def _just(rule: Rule) -> ACLFilter:
    at = rule.resource_pattern
    where = ResourcePatternFilter(at.resource_type, at.resource_name, at.pattern_type)
    return ACLFilter(rule.principal, rule.host, rule.operation, rule.permission_type, where)


def _words(rule: Rule) -> str:
    at = rule.resource_pattern
    return f"{rule.principal}: {rule.permission_type.name.lower()} {rule.operation.name.lower()} {at.resource_name}"
