"""The driver's promises, and stock Faust's defects, on a real Kafka: the same tests as on the embedded broker."""

import pytest

from tests.streams.test_driver import (  # noqa: F401 - collected here once more, with this folder's broker
    apps,
    test_a_commit_never_passes_a_message_in_flight,
    test_a_consumer_that_gets_nowhere_ends,
    test_a_failed_delivery_ends_the_role_and_what_caused_it_is_not_acknowledged,
    test_a_flush_waits_for_every_record,
    test_a_role_that_waits_for_a_known_reason_is_left_alone,
    test_a_thread_that_no_longer_answers_is_left_behind,
    test_an_error_in_an_agent_acknowledges_nothing_and_ends_the_role,
    test_nothing_listens_nothing_is_declared_and_nothing_is_written,
    test_the_producer_is_idempotent,
)

pytestmark = pytest.mark.real
