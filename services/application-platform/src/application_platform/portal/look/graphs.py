"""Graphs of observations over time, as numbers for SVG attributes (pure; spec look §8): points, never bars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

_ROOM = Decimal("0.08")  # of the span, above and below what is drawn


@dataclass(frozen=True, slots=True)
class Dot:
    """One value to draw: when, how much, how it looks ("" inside, "abnormal", "critical"), and its words."""

    at: datetime
    amount: Decimal
    look: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A drawn point in the graph's own units; `diamond` when outside the reference, `last` when it is the latest."""

    x: float
    y: float
    look: str
    last: bool
    diamond: str  # the points of a polygon, "" where it is a circle


@dataclass(frozen=True, slots=True)
class Band:
    """The reference interval as a rectangle."""

    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything a template needs to draw; `line` is the attribute `points` of a polyline."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    line: str
    band: Band | None
    top: Decimal
    bottom: Decimal


def graph(
    dots: Sequence[Dot],
    width: int,
    height: int,
    *,
    limits: tuple[Decimal | None, Decimal | None] = (None, None),
    side: int = 6,
    size: float = 3,
    times: tuple[datetime, datetime] | None = None,
) -> Graph | None:
    """A graph of `dots` (any order), `side` units of room at the edges; None without dots. Graphs with the same `times` share an
    axis.

    The scale holds every value and, where it has two ends, the reference interval: the same values always look the same.
    """
    if not dots:
        return None
    shown = sorted(dots, key=lambda dot: dot.at)
    bottom, top = _scale([dot.amount for dot in shown], limits)
    begun, ended = times or (shown[0].at, shown[-1].at)
    span = (ended - begun).total_seconds()

    def across(dot: Dot) -> float:
        part = (dot.at - begun).total_seconds() / span if span else 1.0
        return round(side + part * (width - 2 * side), 1)

    def down(amount: Decimal) -> float:
        return round(side + float((top - amount) / (top - bottom)) * (height - 2 * side), 1)

    marks = tuple(_mark(dot, across(dot), down(dot.amount), size, last=dot is shown[-1]) for dot in shown)
    line = " ".join(f"{mark.x},{mark.y}" for mark in marks)
    return Graph(width, height, marks, line, _band(limits, bottom, top, down), top, bottom)


def _mark(dot: Dot, x: float, y: float, size: float, *, last: bool) -> Mark:
    reach = round(size * 1.35, 2)
    points = f"{x},{y - reach} {x + reach},{y} {x},{y + reach} {x - reach},{y}" if dot.look else ""
    return Mark(x, y, dot.look, last, points)


def _scale(amounts: Sequence[Decimal], limits: tuple[Decimal | None, Decimal | None]) -> tuple[Decimal, Decimal]:
    held = [*amounts, *(limit for limit in limits if limit is not None)]
    bottom, top = min(held), max(held)
    room = (top - bottom) * _ROOM or abs(top) * _ROOM or Decimal(1)
    return bottom - room, top + room


def _band(
    limits: tuple[Decimal | None, Decimal | None], bottom: Decimal, top: Decimal, down: Callable[[Decimal], float]
) -> Band | None:
    low, high = limits
    if low is None and high is None:
        return None
    upper, lower = down(top if high is None else high), down(bottom if low is None else low)
    return Band(upper, max(round(lower - upper, 1), 0.5))
