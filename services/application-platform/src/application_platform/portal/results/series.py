"""Observations as series: one for each analysis and unit, newest first, with the grid of times they make (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from application_platform.portal.look.graphs import Dot, Graph, graph
from application_platform.portal.swedish import MONTHS, Moment, moment
from application_platform.portal.values import Value, codes_of, decimal, key_of, reference_of, result, text_of

Resource = Mapping[str, Any]
Limits = tuple[Decimal | None, Decimal | None]

COLUMNS = 6  # times beside each other; older ones are a page away
_NOTES = {"preliminary": "preliminärt", "registered": "svar väntar", "amended": "rättat", "corrected": "rättat"}
_SYSTOLIC = "8480-6"  # LOINC: a blood pressure is drawn by its upper value


@dataclass(frozen=True, slots=True)
class Point:
    """One value of an analysis. `amount` is what is drawn, None for words and values with a sign (< 5)."""

    at: Moment
    value: Value
    amount: Decimal | None
    key: str
    reference: str = ""
    limits: Limits = (None, None)
    note: str = ""  # preliminärt, rättat, makulerad

    @property
    def dot(self) -> Dot | None:
        return Dot(self.at.at, self.amount, self.value.look) if self.amount is not None else None


@dataclass(frozen=True, slots=True)
class Series:
    """An analysis in one unit; values in other units are series of their own, never mixed (look §8)."""

    id: str  # what its address holds: the code where there is one, else the name
    name: str
    unit: str
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        return self.points[0]

    @property
    def reference(self) -> str:
        """The interval of the latest value that has one."""
        return next((point.reference for point in self.points if point.reference), "")

    @property
    def abnormal(self) -> bool:
        return any(point.value.look for point in self.points)

    def drawn(self, width: int, height: int, *, side: int = 6, size: float = 3) -> Graph | None:
        """The graph of everything that is a number; None when there is nothing to draw."""
        dots = [dot for point in self.points if (dot := point.dot) is not None]
        return graph(dots, width, height, limits=self.limits, side=side, size=size)

    @property
    def limits(self) -> Limits:
        return next((point.limits for point in self.points if point.reference), (None, None))

    def at(self, column: Moment) -> list[Point]:
        return [point for point in self.points if _minute(point.at) == _minute(column)]


@dataclass(frozen=True, slots=True)
class Grid:
    """Analyses as rows, times as columns, newest first. `before` leads to older columns, "" at the end."""

    columns: tuple[Moment, ...]
    rows: tuple[Series, ...]
    before: str = ""


def series(observations: Iterable[Resource]) -> list[Series]:
    """One series for each analysis and unit, by name; every value newest first. What has no date is left to the timeline."""
    found: dict[tuple[str, str], list[tuple[str, Point]]] = {}
    for observation in observations:
        at = moment(
            observation.get("effectiveDateTime")
            or observation.get("effectivePeriod", {}).get("start")
            or observation.get("issued")
        )
        if at is None:
            continue
        shown = result(observation)
        point = _point(observation, at, shown.value, shown.reference)
        found.setdefault((_id(observation), point.value.unit), []).append((shown.name, point))
    made = [_series(id, unit, listed) for (id, unit), listed in found.items()]
    return sorted(made, key=lambda one: (one.name.casefold(), one.unit))


def grid(rows: Sequence[Series], before: str = "", *, abnormal: bool = False) -> Grid:
    """The newest columns older than `before`; with `abnormal` only analyses with a value outside in what is known."""
    limit = moment(before)
    times = {
        _minute(point.at): point.at for one in rows for point in one.points if limit is None or point.at.at < limit.at
    }
    newest = sorted(times, reverse=True)
    columns = tuple(times[minute] for minute in newest[:COLUMNS])
    shown = tuple(one for one in rows if any(one.at(column) for column in columns) and (one.abnormal or not abnormal))
    more = len(newest) > COLUMNS
    oldest = min(
        (point.at for one in rows for point in one.points if columns and _minute(point.at) == _minute(columns[-1])),
        default=None,
    )
    return Grid(columns, shown, oldest.iso if more and oldest else "")


def heading(at: Moment) -> tuple[str, str]:
    """A column's two lines: 22 nov. 2026 and 13:10 ("" for what has no clock)."""
    month = MONTHS[at.day.month - 1]
    short = month if len(month) <= 4 else f"{month[:3]}."
    return f"{at.day.day} {short} {at.day.year}", at.clock


def _minute(at: Moment) -> str:
    return at.iso[:16]


def _id(observation: Resource) -> str:
    code = observation.get("code", {})
    codings = [one for one in code.get("coding", ()) if isinstance(one, Mapping) and one.get("code")]
    return str(codings[0]["code"]) if codings else text_of(code)


def _series(id: str, unit: str, listed: list[tuple[str, Point]]) -> Series:
    listed.sort(key=lambda pair: pair[1].at.at, reverse=True)
    return Series(id, listed[0][0], unit, tuple(point for _, point in listed))


def _point(observation: Resource, at: Moment, value: Value, reference: str) -> Point:
    status = str(observation.get("status", ""))
    if status in ("entered-in-error", "cancelled"):
        word = "makulerad" if status == "entered-in-error" else "avbruten"
        return Point(at, Value(word, value.unit, is_text=True), None, key_of(observation), note=word)
    measured = observation.get("valueQuantity")
    if not isinstance(measured, Mapping):
        measured = _upper(observation)
    amount = decimal(measured.get("value")) if not measured.get("comparator") else None
    return Point(
        at, value, amount, key_of(observation), reference, reference_of(observation)[1], _NOTES.get(status, "")
    )


def _upper(observation: Resource) -> Resource:
    for part in observation.get("component", ()):
        if isinstance(part, Mapping) and _SYSTOLIC in codes_of(part.get("code")):
            found = part.get("valueQuantity")
            return found if isinstance(found, Mapping) else {}
    return {}
