"""A patient's own entries as pages show them: by kind, with a graph for each number, and when something was measured (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from application_platform.own.model import MEASURES, NOTE, Entry, Measure, Part
from application_platform.portal.look.graphs import Dot, Graph, graph
from application_platform.portal.swedish import ZONE, number

_OLDEST = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a measurement through time."""

    part: Part
    dots: tuple[Dot, ...]  # newest first

    @property
    def ends(self) -> tuple[str, str]:
        """The first value and the last one, as they are written beside the graph."""
        return number(self.dots[-1].amount), number(self.dots[0].amount)

    def drawn(self, width: int, height: int, *, side: int = 6, size: float = 3) -> Graph | None:
        """The graph; None when there is nothing to draw. Home values have no reference interval, so no band."""
        return graph(self.dots, width, height, side=side, size=size)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measurement and its entries, newest first; struck ones stay among them."""

    measure: Measure
    entries: tuple[Entry, ...]

    @property
    def standing(self) -> tuple[Entry, ...]:
        """Those that nobody has struck."""
        return tuple(one for one in self.entries if one.withdrawn_at is None)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(
            Line(part, tuple(Dot(one.at, Decimal(one.numbers[part.name])) for one in self.standing if part.name in one.numbers))
            for part in self.measure.parts
        )  # fmt: skip


def kinds(entries: Sequence[Entry]) -> list[Kind]:
    """Every kind that can be measured, with what there is of it."""
    return [Kind(measure, _of(entries, id)) for id, measure in MEASURES.items()]


def notes(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return _of(entries, NOTE)


def _of(entries: Iterable[Entry], kind: str) -> tuple[Entry, ...]:
    return tuple(one for one in entries if one.kind == kind)


def measured(day: str, clock: str, now: datetime) -> datetime | str:
    """When it was measured, in Swedish time; or what is wrong with what was typed, in words."""
    try:
        at = datetime.combine(date.fromisoformat(day.strip()), time.fromisoformat(clock.strip()), ZONE)
    except ValueError:
        return "Skriv datum och klockslag, till exempel 2026-11-23 och 08:10."
    if at > now:
        return "Tiden har inte varit än. Kontrollera datum och klockslag."
    if at.date() < _OLDEST:
        return "Kontrollera årtalet."
    return at
