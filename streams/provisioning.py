"""Creating the topics on a real broker."""

from collections.abc import Iterable

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from streams.topics import Topic


def provision(bootstrap: str, *, partitions: int, replication: int, names: Iterable[str] = tuple(Topic)) -> list[str]:
    """Create the topics that are missing on a real broker; return those that were created.

    The embedded broker knows no CreateTopics: there, topics come to life when first named.

    Parameters
    ----------
    bootstrap
        ``host:port``, several divided by commas.
    partitions, replication
        Of each new topic. Topics that are there already keep theirs.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        there = set(admin.list_topics())
        created = []
        for name in names:
            if name in there:
                continue
            try:
                admin.create_topics([NewTopic(str(name), num_partitions=partitions, replication_factor=replication)])
            except TopicAlreadyExistsError:  # somebody else was quicker
                continue
            created.append(str(name))
        return created
    finally:
        admin.close()


def missing(bootstrap: str) -> list[str]:
    """Topics that the broker does not have."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        there = set(admin.list_topics())
    finally:
        admin.close()
    return [str(name) for name in Topic if name not in there]
