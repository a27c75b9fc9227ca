"""HL7 v2 times to FHIR: precision kept, an offset where there is a time of day (HL7 DTM; hl7.org/fhir/R4/datatypes)."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")
_DTM = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?)?([+-]\d{4})?")


@dataclass(frozen=True, slots=True)
class Clock:
    """How to read times without an offset in one message."""

    zone: tzinfo = STOCKHOLM

    @classmethod
    def of(cls, written: str) -> "Clock":
        """From MSH-7: its offset holds for the whole message, unless it is just what Stockholm had then.

        A Swedish sender's +0100 in January must not be held against a sample taken in July.
        """
        offset = _offset(written[-5:])
        if offset is None:
            return cls()
        moment = cls(timezone(offset)).moment(written)
        if moment is None or moment.astimezone(STOCKHOLM).utcoffset() == offset:
            return cls()
        return cls(timezone(offset))

    def moment(self, written: str) -> datetime | None:
        """The instant, when there is a time of day; None when there is not, or it is no time."""
        parts = _DTM.fullmatch(written)
        if parts is None or parts[4] is None:
            return None
        year, month, day, hour, minute, second = (int(parts[at] or 0) for at in range(1, 7))
        try:
            zone = timezone(offset) if (offset := _offset(parts[8] or "")) is not None else self.zone
            return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
        except ValueError:
            return None

    def date_time(self, written: str) -> str | None:
        """FHIR dateTime: year, month, day, or an instant with seconds and offset. None when it is no time."""
        return _date_time(self, written) if written else None

    def _date_time(self, written: str) -> str | None:
        parts = _DTM.fullmatch(written)
        if parts is None:
            return None
        if parts[4] is None:
            return _date(parts)
        found = self.moment(written)
        if found is None:
            return None
        text = found.replace(tzinfo=None).isoformat() + (parts[7] or "")
        return text + _written_offset(found)

    def instant(self, written: str) -> str | None:
        """FHIR instant; None unless there is a time of day."""
        return self.date_time(written) if self.moment(written) is not None else None

    def date(self, written: str) -> str | None:
        """FHIR date: the day as written, whatever the zone; None when it is no date."""
        parts = _DTM.fullmatch(written)
        return _date(parts) if parts is not None else None


@lru_cache(maxsize=4096)
def _date_time(clock: Clock, written: str) -> str | None:
    """The same few times stand in every segment of a message."""
    return clock._date_time(written)


def time_of_day(written: str) -> str | None:
    """FHIR time from HL7 TM (HH[MM[SS]]); None when it is no time."""
    digits = re.sub(r"[+-]\d{4}$", "", written)
    parts = re.fullmatch(r"([01]\d|2[0-3])(?:([0-5]\d)(?:([0-5]\d)(\.\d+)?)?)?", digits)
    return f"{parts[1]}:{parts[2] or '00'}:{parts[3] or '00'}{parts[4] or ''}" if parts else None


def _date(parts: re.Match[str]) -> str | None:
    year, month, day = parts[1], parts[2], parts[3]
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part for part in (year, month, day) if part)


def _offset(written: str) -> timedelta | None:
    parts = re.fullmatch(r"([+-])(\d\d)(\d\d)", written)
    if parts is None or int(parts[2]) > 14 or int(parts[3]) > 59:
        return None
    found = timedelta(hours=int(parts[2]), minutes=int(parts[3]))
    return -found if parts[1] == "-" else found


def _written_offset(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"
