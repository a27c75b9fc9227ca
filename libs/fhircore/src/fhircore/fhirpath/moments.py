"""Dates and times as precise as they were written, compared three-valued (http://hl7.org/fhirpath/N1/index.html#types).

A comparison that the precision or a missing time zone leaves open answers None, which FHIRPath calls empty.
"""

import re
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

_DATE = r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
_DATE_TEXT = re.compile(_DATE)
_DATETIME_TEXT = re.compile(_DATE + r"(?:T(?:" + _CLOCK + r"(Z|[+-]\d\d:\d\d)?)?)?")
_TIME_TEXT = re.compile(_CLOCK)

# A time without zone may be anywhere from UTC+14 to UTC-12.
EARLIEST, LATEST = timedelta(hours=-14), timedelta(hours=12)


class Moment(msgspec.Struct, frozen=True, eq=False):
    """kind: Date, DateTime or Time. parts: year to minute as int, seconds as Decimal, as many as were written.

    zone: minutes east of UTC, None when not said. A Time's parts begin with the hour.
    """

    kind: str
    parts: tuple[Any, ...]
    zone: int | None = None

    def __str__(self) -> str:
        if self.kind == "Time":
            return _clock(self.parts)
        date = "-".join(f"{part:0{width}}" for part, width in zip(self.parts[:3], (4, 2, 2), strict=False))
        if len(self.parts) <= 3:
            return date
        return f"{date}T{_clock(self.parts[3:])}{_zone_text(self.zone)}"


def _clock(parts: tuple[Any, ...]) -> str:
    return ":".join(f"{part:02}" if part.__class__ is int else _seconds(part) for part in parts)


def _seconds(value: Decimal) -> str:
    text = f"{value:f}"
    return text if len(text.partition(".")[0]) == 2 else "0" + text


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    return "Z" if zone == 0 else f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def literal(text: str) -> Moment | None:
    """What stands after `@` in an expression; None when it is no date or time."""
    if text[0] == "T":
        return time(text[1:])
    return datetime_of(text) if "T" in text else date(text)


def date(text: str) -> Moment | None:
    """YYYY, YYYY-MM or YYYY-MM-DD."""
    found = _DATE_TEXT.fullmatch(text)
    return _checked("Date", _ints(found.groups())) if found else None


def datetime_of(text: str) -> Moment | None:
    """A date, or a date with a time to the hour, minute or second, with or without time zone."""
    found = _DATETIME_TEXT.fullmatch(text)
    if found is None:
        return None
    *parts, zone = found.groups()
    return _checked("DateTime", _ints(parts), _zone(zone))


def time(text: str) -> Moment | None:
    """HH, HH:MM, HH:MM:SS or with fractions of a second."""
    found = _TIME_TEXT.fullmatch(text)
    return _checked("Time", _ints((None, None, None, *found.groups()))) if found else None


def _ints(groups: Any) -> tuple[Any, ...]:
    return tuple(Decimal(part) if at == 5 else int(part) for at, part in enumerate(groups) if part is not None)


def _zone(text: str | None) -> int | None:
    if text is None or text == "Z":
        return None if text is None else 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _checked(kind: str, parts: tuple[Any, ...], zone: int | None = None) -> Moment | None:
    full = (2000, 1, 1, *parts) if kind == "Time" else parts
    try:
        _naive(full)
    except ValueError:
        return None
    return Moment(kind, parts, zone) if zone is None or abs(zone) <= 14 * 60 else None


def _naive(parts: tuple[Any, ...]) -> datetime:
    """The first moment that these parts may mean, without zone."""
    full: list[Any] = [*parts, *(0, 1, 1, 0, 0, Decimal(0))[len(parts) :]]
    year, month, day, hour, minute, second = full
    found = datetime(year, month, day, hour, minute, int(second))  # noqa: DTZ001 - zones are kept apart
    return found + timedelta(microseconds=int(second % 1 * 1_000_000))


def compare(one: Moment, other: Moment) -> int | None:
    """-1, 0 or 1; None when precision or zone leaves it open, or when only one of them is a Time."""
    if (one.kind == "Time") != (other.kind == "Time"):
        return None
    left, right = one.parts, other.parts
    if one.zone != other.zone and len(left) > 3 and len(right) > 3:
        if one.zone is None or other.zone is None:
            return _unzoned(one, other)
        left, right = _utc(one), _utc(other)
    for a, b in zip(left, right, strict=False):
        if a != b:
            return -1 if a < b else 1
    return 0 if len(left) == len(right) else None


def key(moment: Moment) -> object:
    """Hashable, and the same for equal moments."""
    parts = moment.parts if moment.zone is None or len(moment.parts) <= 3 else _utc(moment)
    return moment.kind == "Time", moment.zone is None or len(parts) <= 3, parts


def _unzoned(one: Moment, other: Moment) -> int | None:
    """One of them has no zone: decided only when no zone would change it."""
    if one.zone is not None:
        swapped = _unzoned(other, one)
        return None if swapped is None else -swapped
    try:
        local, known = _naive(one.parts), _naive(other.parts) - timedelta(minutes=other.zone or 0)
        if local + LATEST < known:
            return -1
        return 1 if local + EARLIEST > known else None
    except OverflowError:
        return None


def _utc(moment: Moment) -> tuple[Any, ...]:
    """Its parts in UTC, to the same precision."""
    try:
        moved = _naive((*moment.parts[:5],)) - timedelta(minutes=moment.zone or 0)
    except OverflowError:
        return moment.parts
    return _parts_of(moved, moment.parts)


def _parts_of(moved: datetime, like: tuple[Any, ...]) -> tuple[Any, ...]:
    full = (moved.year, moved.month, moved.day, moved.hour, moved.minute, *like[5:])
    return full[: len(like)]


# How many of the next finer unit make one, where a value less precise than the unit is moved.
_COARSER: dict[str, tuple[str, int]] = {
    "month": ("year", 12),
    "day": ("month", 30),
    "hour": ("day", 24),
    "minute": ("hour", 60),
}
_COARSER |= {"second": ("minute", 60)}
_PRECISION = {"year": 1, "month": 2, "day": 3, "hour": 4, "minute": 5, "second": 6}


def add(moment: Moment, amount: Decimal, unit: str) -> Moment | None:
    """`moment` moved by `amount` calendar units (year … millisecond); None when it leaves the years 1 to 9999."""
    parts = (2000, 1, 1, *moment.parts) if moment.kind == "Time" else moment.parts
    if unit in ("week", "millisecond"):
        unit, amount = ("day", amount * 7) if unit == "week" else ("second", amount / 1000)
    while _PRECISION[unit] > len(parts):
        unit, per = _COARSER[unit]
        amount = amount / per
    try:
        moved = _moved(parts, amount, unit)
    except (OverflowError, ValueError):
        return None
    return Moment(moment.kind, moved[3:] if moment.kind == "Time" else moved, moment.zone)


def _moved(parts: tuple[Any, ...], amount: Decimal, unit: str) -> tuple[Any, ...]:
    if unit in ("year", "month"):
        return _by_months(parts, int(amount) * (12 if unit == "year" else 1))
    if unit != "second":
        return _parts_of(_naive(parts[:5]) + timedelta(**{unit + "s": int(amount)}), parts)
    minutes, seconds = divmod(parts[5] + amount, 60)
    if seconds < 0:
        minutes, seconds = minutes - 1, seconds + 60
    moved = _naive(parts[:5]) + timedelta(minutes=int(minutes))
    return (*_parts_of(moved, parts)[:5], seconds)


def _by_months(parts: tuple[Any, ...], months: int) -> tuple[Any, ...]:
    """The same day of another month, or its last day where it has fewer."""
    full: list[Any] = [*parts[:3], *(0, 1, 1)[len(parts[:3]) :]]
    year, month, day = full
    years, index = divmod(year * 12 + month - 1 + months, 12)
    if not MINYEAR <= years <= MAXYEAR:
        raise OverflowError
    moved = (years, index + 1, min(day, last_day(years, index + 1)))
    return (*moved[: len(parts)], *parts[3:])


def last_day(year: int, month: int) -> int:
    """How many days the month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
