"""Percentiles, rates and differences of the load suite."""

import random

import pytest
from fvm_load.stats import Spread, change, per_item, percentile


def test_a_percentile_is_the_nearest_rank():
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_spread_is_in_milliseconds_whatever_the_order():
    seconds = [number / 1000 for number in range(1, 201)]
    random.Random(1).shuffle(seconds)
    spread = Spread.of(seconds)
    assert spread is not None
    assert (spread.p50, spread.p99, spread.worst) == pytest.approx((100.0, 198.0, 200.0))
    assert Spread.of([]) is None


def test_costs_are_microseconds_per_item_and_small_change_is_left_out():
    assert per_item({"vis": 0.5, "kafka": 0.001, "envoy": 0.0}, 10_000) == {"vis": 50.0}
    assert per_item({"vis": 0.5}, 0) == {}


def test_a_change_needs_something_to_compare_with():
    assert change(110.0, 100.0) == pytest.approx(0.1)
    assert change(110.0, None) is None
    assert change(None, 100.0) is None
    assert change(1.0, 0.0) is None
