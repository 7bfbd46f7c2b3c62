from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaProducer

from streams.broker import EmbeddedBroker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
async def producer(broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    yield producer
    await producer.stop()
