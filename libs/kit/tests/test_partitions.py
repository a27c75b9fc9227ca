"""A key's partition is the one that every other Kafka client chooses, so that order per key holds whoever writes."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from kit.kafka import _partition


@pytest.mark.parametrize("count", [1, 3, 12])
def test_keys_go_where_kafka_sends_them_by_default(count: int) -> None:
    partitions = list(range(count))
    for number in range(200):
        key = f"3fa85f64-5717-4562-b3fc-{number:012d}".encode()
        expected = DefaultPartitioner()(key, partitions, partitions)
        assert [_partition(key, partitions, partitions) for _ in range(2)] == [expected, expected]


def test_a_message_without_a_key_goes_to_a_partition_that_answers() -> None:
    assert {_partition(None, [0, 1, 2], [1]) for _ in range(20)} == {1}
    assert _partition(None, [0, 1, 2], []) in (0, 1, 2)
