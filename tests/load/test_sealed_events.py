"""What sealing adds to an event: microseconds and bytes, of values as large as a write's and as large as a bundle's."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from kit.events import CloudEvent
from kit.sealed_events import opened, under
from kit.sealing import MORE, DataKey, new_key

ROUNDS = 2_000
AT_MOST = 30.0  # microseconds of one value of 1 kB: a thirtieth of what storing it takes on this kind of machine


def microseconds(do: Callable[[], object]) -> float:
    """The best of five, so that another process on the machine does not count."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(ROUNDS):
            do()
        best = min(best, (time.perf_counter() - began) / ROUNDS * 1e6)
    return best


@pytest.mark.parametrize("size", [1_000, 50_000])
def test_sealing_an_event_costs_little(size: int, record_property: Callable[[str, object], None]) -> None:
    key = DataKey(*new_key())
    event = CloudEvent("e-1", "fvm/vis", "vis.record.v1", datetime.now(UTC), os.urandom(size), "tolvan")
    sealed = under(event, key)
    seals, opens = microseconds(lambda: under(event, key)), microseconds(lambda: opened(sealed, key))
    record_property("seal_us", round(seals, 1))
    record_property("open_us", round(opens, 1))
    print(f"{size} bytes: {seals:.1f} µs to seal, {opens:.1f} µs to open")
    assert len(sealed.data) - len(event.data) == MORE
    assert max(seals, opens) < AT_MOST * max(1, size / 5_000)
