"""NEWS2 as it is shown: the sum with its time, late after twelve hours, and every other state in words (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from application_platform.portal.swedish import ZONE, Moment, moment
from application_platform.portal.values import codes_of
from fhircore import vitals as terms
from fhircore.news2 import PARAMETERS, band

Resource = Mapping[str, Any]

LATE = timedelta(hours=12)
# What the Royal College of Physicians (2017, chart 4) answers each band with.
ADVICE = {
    "none": "Ny kontroll inom 12 timmar.",
    "low": "Ny kontroll inom 4 till 6 timmar. Sjuksköterska bedömer om det behövs tätare.",
    "single": "Tre poäng i en parameter: ny kontroll inom en timme. Kontakta läkare.",
    "medium": "Ny kontroll inom en timme. Kalla läkare för akut bedömning.",
    "high": "Larma nu: akut bedömning av läkare med vana vid kritiskt sjuka. Övervaka hela tiden.",
}
LOOKS = {"medium": "amber", "high": "red"}


@dataclass(frozen=True, slots=True)
class News2:
    """One score: `total` is None when it is incomplete, or not made for a child. `points` by parameter, None not taken."""

    id: str
    at: Moment
    total: int | None
    points: Mapping[str, int | None]
    child: bool = False
    late: bool = False
    scale: int = 1
    when: str = ""  # 09:10 · i går 20:55 · 2026-11-20 08:00: a clock alone is always of today

    @property
    def least(self) -> int:
        return sum(points for points in self.points.values() if points)

    @property
    def band(self) -> str:
        """Of the sum; of an incomplete one, of what it is at least. "" for a child."""
        if self.child:
            return ""
        return band(self.least if self.total is None else self.total, single=3 in self.points.values())

    @property
    def look(self) -> str:
        """amber 5–6, red from 7, unknown where it is late or there is no sum, "" otherwise."""
        if self.late or self.total is None:
            return "unknown"
        return LOOKS.get(self.band, "")

    @property
    def alarming(self) -> bool:
        """Whether somebody must act on what is known, whatever is missing or however old it is."""
        return self.band in ("medium", "high")

    @property
    def number(self) -> str:
        return "ej för barn" if self.child else "ofullständig" if self.total is None else str(self.total)

    @property
    def warning(self) -> str:
        """What must be said beside a box that is hatched and still alarms."""
        if not self.alarming or self.look != "unknown":
            return ""
        return f"Redan {self.least} poäng" if self.total is None else f"Senast {self.total} poäng"

    @property
    def advice(self) -> str:
        if self.child or (self.total is None and not self.alarming):
            return ""
        return ADVICE[self.band]

    @property
    def missing(self) -> list[str]:
        return [terms.POINT_TEXTS[name].lower() for name in PARAMETERS if self.points.get(name) is None]

    @property
    def giving(self) -> list[tuple[str, int]]:
        """The parameters that give points, most first."""
        found = [(terms.POINT_TEXTS[name], points) for name, points in self.points.items() if points]
        return sorted(found, key=lambda pair: -pair[1])


def news2(observation: Resource, now: datetime) -> News2 | None:
    """The score of this Observation; None where it is none, has no time, or was entered in error."""
    at = moment(observation.get("effectiveDateTime"))
    coded = terms.NEWS2 in codes_of(observation.get("code"))
    if at is None or not coded or observation.get("status") in ("entered-in-error", "cancelled"):
        return None
    parts = {
        code: part.get("valueInteger")
        for part in observation.get("component", ())
        for code in codes_of(part.get("code"))
    }
    total = observation.get("valueInteger")
    return News2(
        str(observation.get("id", "")),
        at,
        int(total) if total is not None else None,
        {name: parts.get(name) for name in PARAMETERS},
        child="not-applicable" in codes_of(observation.get("dataAbsentReason")),
        late=now - at.at > LATE,
        scale=int(parts.get("scale") or 1),
        when=when(at, now.astimezone(ZONE).date()),
    )


def when(at: Moment, today: date) -> str:
    """The clock, with the day where it is not today's."""
    if at.day == today:
        return at.clock or at.date
    return f"{'i går' if at.day == today - timedelta(days=1) else at.date} {at.clock}".strip()


def latest(observations: Iterable[Resource], now: datetime) -> News2 | None:
    found: Sequence[News2] = [one for each in observations if (one := news2(each, now)) is not None]
    return max(found, key=lambda one: (one.at.at, one.id), default=None)
