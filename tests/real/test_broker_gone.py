"""A real broker that is killed: each kind of role ends, and says why."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.kafka.cluster import Cluster
from streams.provisioning import provision
from tests.streams.test_batch_role import test_a_broker_that_is_gone_ends_the_role as test_a_role_without_faust_ends
from tests.streams.test_driver import test_a_broker_that_is_gone_ends_the_role as test_a_role_with_faust_ends

__all__ = ["test_a_role_with_faust_ends", "test_a_role_without_faust_ends"]

pytestmark = pytest.mark.real


@dataclass
class Mortal:
    """What tests ask of a broker, with an end."""

    cluster: Cluster

    @property
    def address(self) -> str:
        return self.cluster.address

    def stop(self) -> None:
        self.cluster.kill(0)


@pytest.fixture
def broker(tmp_path) -> Iterator[Mortal]:
    with Cluster(tmp_path / "kafka") as cluster:
        provision(cluster.address, partitions=1, replication=1)
        provision(cluster.address, partitions=1, replication=1, names=["t"])
        yield Mortal(cluster)
