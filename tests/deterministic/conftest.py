"""Runs leave processes that died in the middle of something: their coroutines are ended here, and nobody is told."""

import gc
from collections.abc import Iterator

import pytest
import structlog

from tests.deterministic.world import quiet


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)
    gc.collect()
