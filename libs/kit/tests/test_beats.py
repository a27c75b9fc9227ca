"""A heartbeat reaches every partition, by the partitioner that the producer uses."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from kit.beats import keys, lanes
from kit.problems import Unavailable
from kit.testing import fresh_topics


@pytest.mark.parametrize("count", [1, 3, 6, 12])
def test_there_is_one_key_for_each_partition(count: int) -> None:
    every, pick = list(range(count)), DefaultPartitioner()
    assert [pick(key.encode(), every, every) for key in keys(count)] == every


async def test_as_many_keys_as_the_broker_has_partitions(kafka_bootstrap: str) -> None:
    async with fresh_topics(kafka_bootstrap, ["x.beat.v1"], partitions=4) as region:
        assert await lanes(kafka_bootstrap, f"{region}.x.beat.v1") == keys(4)


async def test_a_broker_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(Unavailable):
        await lanes("127.0.0.1:9", "x.beat.v1")
