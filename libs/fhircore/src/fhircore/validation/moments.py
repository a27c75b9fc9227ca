"""Comparing FHIR dates and times of any precision (http://hl7.org/fhir/R4/datatypes.html#dateTime)."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FURTHEST = 14 * 3600  # seconds: a date without zone may be meant up to 14 hours either side of UTC


def definitely_after(first: str, second: str) -> bool:
    """True when every moment of the first is after every moment of the second; both valid date, dateTime or instant."""
    if len(first) == len(second) and (len(first) <= 10 or first[19:] == second[19:]):
        return first[:19] > second[:19]
    return _bounds(first)[0] >= _bounds(second)[1]


def _bounds(value: str) -> tuple[float, float]:
    """Seconds since 1970: the first moment that the value can mean, and the first one after it."""
    if len(value) <= 10:
        day = datetime(int(value[:4]), int(value[5:7] or 1), int(value[8:10] or 1), tzinfo=UTC)
        days = 1 if len(value) == 10 else 31 if len(value) == 7 else 366
        first = (day - _EPOCH).total_seconds()
        return first - _FURTHEST, first + days * 86400 + _FURTHEST
    zone = "Z" if value[-1] == "Z" else value[-6:]
    # second 60 is a leap second; datetime has none
    clock = value[:17] + ("59" if value[17:19] == "60" else value[17:19])
    fraction = value[19 : -len(zone)]
    moment = (datetime.fromisoformat(clock + zone) - _EPOCH).total_seconds() + float("0" + fraction)
    return moment, moment + 10.0 ** -max(len(fraction) - 1, 0)
