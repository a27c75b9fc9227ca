"""FHIR dates as half-open ranges of time, as wide as their precision (http://hl7.org/fhir/R4/search.html#date).

A range is (lo, hi): microseconds since 1970-01-01T00:00:00Z, lo included, hi not. `2024-03` is the whole month, a time
with seconds that second, `.5` that tenth. What carries no zone is Swedish time (Europe/Stockholm). Open ends of periods
are EARLIEST and LATEST, which fit a 64-bit column.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

Range = tuple[int, int]

EARLIEST, LATEST = -(2**63), 2**63 - 1
SWEDEN = ZoneInfo("Europe/Stockholm")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_LIMIT = 65_536  # ranges remembered; a resource's dates repeat, and so do a day's
# Year 0000 and longer fractions are refused or cut as datetime does; seconds may be left out in searches.
_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:\.(\d+))?)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?"
)

MEMO: dict[str, Range] = {}


def moment(text: str) -> Range:
    """The range of a date, dateTime or instant. Raises ValueError for what is none, TypeError for what is no text."""
    found = MEMO.get(text)
    if found is None:
        if len(MEMO) >= _LIMIT:
            MEMO.clear()
        found = MEMO[text] = _parsed(text)
    return found


def _parsed(text: str) -> Range:
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("not a FHIR date or time")
    year, month, day, hour = form.group(1, 2, 3, 4)
    if hour is not None:
        return _time(form)
    first = date(int(year), int(month or 1), int(day or 1))
    if day is not None:
        next_day = first.toordinal() + 1
    elif month is not None:
        next_day = _month_after(first.year, first.month)
    else:
        next_day = _month_after(first.year, 12)
    return _midnight(first.toordinal()), _midnight(next_day)


def _month_after(year: int, month: int) -> int:
    """The day number that follows a month; also after 9999-12, which no date can say."""
    return date(year, 12, 31).toordinal() + 1 if month == 12 else date(year, month + 1, 1).toordinal()


def _midnight(ordinal: int) -> int:
    """When a day begins in Sweden, as microseconds."""
    if 2 < ordinal < 3_652_058:  # the days whose UTC form datetime can say too
        return _micros(datetime.fromordinal(ordinal).replace(tzinfo=SWEDEN))
    return (ordinal - _EPOCH_DAY) * _DAY


def _micros(at: datetime) -> int:
    since = at.astimezone(UTC) - _EPOCH
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds


def _time(form: re.Match[str]) -> Range:
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    whole = min(int(second or 0), 59)  # a leap second is the second before it
    digits = (fraction or "")[:6]
    micro = int(digits.ljust(6, "0")) if digits else 0
    at = datetime(int(year), int(month), int(day), int(hour), int(minute), whole, micro, tzinfo=_zone(zone))
    width = 60 * _SECOND if second is None else 10 ** (6 - len(digits))
    try:
        lo = _micros(at)
    except OverflowError:
        raise ValueError("a time outside the calendar") from None
    return lo, lo + width


def _zone(zone: str | None) -> ZoneInfo | timezone:
    if zone is None:
        return SWEDEN
    if zone == "Z":
        return UTC
    sign = -1 if zone[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])))


def period(value: Mapping[str, Any]) -> Range | None:
    """The range of a Period: from where its start begins to where its end ends; None when it has neither."""
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    return EARLIEST if start is None else moment(start)[0], LATEST if end is None else moment(end)[1]


def timing(value: Mapping[str, Any]) -> Range | None:
    """The outer limits of a Timing: its events and the bounds of its repetition; None when it names no time."""
    found = [moment(event) for event in value.get("event", ()) if event is not None]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    limits = period(bounds) if bounds is not None else None
    if limits is not None:
        found.append(limits)
    return (min(lo for lo, _ in found), max(hi for _, hi in found)) if found else None
