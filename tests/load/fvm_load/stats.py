"""Numbers about many numbers: percentiles, rates, differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of the ascending values do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Latencies in milliseconds."""

    p50: float
    p99: float
    worst: float
    p95: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread | None":
        """None where nothing was measured."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        p50, p99, p95 = (percentile(ordered, share) * 1e3 for share in (0.5, 0.99, 0.95))
        return cls(p50, p99, ordered[-1] * 1e3, p95)


def per_item(seconds: Mapping[str, float], count: int) -> dict[str, float]:
    """Microseconds per item of each process; those that did nothing worth telling (< 0.5 µs) are left out."""
    if count <= 0:
        return {}
    found = {name: used * 1e6 / count for name, used in seconds.items()}
    return {name: round(used, 1) for name, used in found.items() if used >= 0.5}


def change(now: float | None, before: float | None) -> float | None:
    """By how much of `before` the value grew (0.1: ten per cent more); None where that cannot be said."""
    if now is None or not before:
        return None
    return now / before - 1
