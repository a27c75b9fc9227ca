"""What the decision adds to a read of staff: microseconds, of the steps that who sees everything does not take."""

import time
from collections.abc import Callable

import pytest

from access import Actor, Decision, Facts, Known, Label, Sight, zones

ROUNDS = 20_000
UNIT, PROVIDER = "SE-U", "SE-P"
ACTOR = Actor("staff", "SE-1", unit=UNIT, provider=PROVIDER, purpose="care", session="s")
LABELS = {1: Label(PROVIDER, UNIT, "und"), 2: Label(PROVIDER, "SE-V", "und"), 3: Label("SE-Q", "SE-W", "und")}
ZONES = zones(ACTOR, LABELS)
AT_MOST = (
    3.0  # microseconds; a read at the door takes 56 (docs/explanation/performance.md), of which this is a twentieth
)


def microseconds(do: Callable[[], object]) -> float:
    """The best of seven, so that another process on the machine does not count."""
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(ROUNDS):
            do()
        best = min(best, (time.perf_counter() - began) / ROUNDS * 1e6)
    return best


def decided(label: int) -> Callable[[], Decision]:
    """As a read by id does it: a sight of its own, what was read of the patient, and the decision."""

    def once() -> Decision:
        sight = Sight(ACTOR, LABELS, ZONES)
        sight.known[7] = Known(Facts(), related=True)
        return sight.decision(label, 7)

    return once


@pytest.mark.parametrize(("whose", "label"), [("the own unit's", 1), ("another unit's", 2)])
def test_the_decision_of_a_read_costs_little(whose: str, label: int) -> None:
    bare = microseconds(lambda: Sight(ACTOR, LABELS, ZONES))
    more = microseconds(decided(label)) - bare
    print(f"{whose}: {more:.2f} µs beside {bare:.2f} for the sight itself")
    assert more < AT_MOST * (1 if label == 1 else 2)
