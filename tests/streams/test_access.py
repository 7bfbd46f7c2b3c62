"""What each role is allowed on a broker that denies by default."""

from kafka.admin import ACLOperation, ACLPermissionType

from streams.access import rules
from streams.security import OPEN, Security
from streams.topics import Topic


def who(operation: ACLOperation, name: str) -> set[str]:
    return {
        rule.principal.removeprefix("User:")
        for rule in rules("n-", ["hotline"])
        if rule.operation == operation and rule.resource_pattern.resource_name == name
    }


def test_only_the_zones_write_events_and_only_who_has_a_door_writes_commands() -> None:
    assert who(ACLOperation.WRITE, Topic.EVENTS) == {"n-zones"}
    assert who(ACLOperation.WRITE, Topic.COMMANDS) == {"n-api", "n-intake", "n-zones", "n-matcher", "n-dispatcher"}
    assert who(ACLOperation.WRITE, Topic.REQUESTS) == {"hotline"}
    assert who(ACLOperation.READ, Topic.COMMANDS) == {"n-zones"}
    assert who(ACLOperation.READ, Topic.EVENTS) == {"n-matcher", "n-dispatcher"}
    assert who(ACLOperation.READ, Topic.REQUESTS) == {"n-intake"}
    assert who(ACLOperation.READ, Topic.DEAD_LETTERS) == set()


def test_nobody_is_allowed_everything_and_a_group_is_its_roles_own() -> None:
    for rule in rules("n-", ["hotline"]):
        assert rule.permission_type == ACLPermissionType.ALLOW
        assert rule.operation not in {ACLOperation.ALL, ACLOperation.ALTER, ACLOperation.DELETE, ACLOperation.CREATE}
        assert "*" not in rule.resource_pattern.resource_name
    for role in ("intake", "zones", "matcher", "dispatcher"):
        assert who(ACLOperation.READ, f"ningju-{role}") == {f"n-{role}"}


def test_a_password_is_in_no_text_about_it() -> None:
    told = Security(tls=True, user="n-zones", password="hunter2")
    assert "hunter2" not in repr(told) + str(told) + repr(told.credentials())
    assert told.protocol == "SASL_SSL"
    assert OPEN.client() == {"security_protocol": "PLAINTEXT", "ssl_context": None}
