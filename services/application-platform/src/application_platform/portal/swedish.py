"""Numbers, units, dates and ages the Swedish way (spec look §11): pure text, no data looked up."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Stockholm")
NBSP = "\u00a0"

WEEKDAYS = ("måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag")
MONTHS = (
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
)
SEXES = {"male": "man", "female": "kvinna", "other": "annat", "unknown": "okänt"}

# UCUM codes (ucum.org) as they are written in Swedish records; what is not here is shown as it came.
_UNITS = {
    "1": "",
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "10*3/uL": "×10³/µL",
    "10*6/uL": "×10⁶/µL",
    "10*9/L": "×10⁹/L",
    "10*12/L": "×10¹²/L",
    "kg/m2": "kg/m²",
    "mL/min/{1.73_m2}": "mL/min/1,73 m²",
    "a": "år",
    "mo": "månader",
    "wk": "veckor",
    "d": "dygn",
    "h": "timmar",
}
_ANNOTATION = re.compile(r"\{[^}]*\}")
_MICRO = re.compile(r"\bu(?=(g|mol|L|kat|U|IU|m)\b)|[\u03bc]")
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T.+)?)?)?")


def number(value: object) -> str:
    """Decimal comma, minus sign, thousands apart by a non-breaking space; the digits that came are kept.

    What is not a number is returned as it is: nothing is dropped.
    """
    text = str(value)
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        return text
    if not isinstance(exponent, int):
        return text
    plain = f"{Decimal((0, digits, exponent)):f}"
    whole, _, fraction = plain.partition(".")
    grouped = f"{int(whole):,}".replace(",", NBSP)
    return ("\u2212" if sign else "") + grouped + (f",{fraction}" if fraction else "")


def dose(value: object) -> str:
    """A number in a prescription: never a trailing zero."""
    text = number(value)
    return text.rstrip("0").rstrip(",") if "," in text else text


def unit(code: str) -> str:
    """A unit as it is read: mmHg, °C, µmol/L; annotations such as {score} say nothing and go."""
    known = _UNITS.get(code)
    if known is not None:
        return known
    return _MICRO.sub("µ", _ANNOTATION.sub("", code)).removesuffix("/")


def dose_unit(code: str) -> str:
    """A unit in a prescription: microgram and units are written out (look §11)."""
    plain = unit(code)
    return {"µg": "mikrogram", "U": "enheter", "E": "enheter", "IU": "enheter", "[iU]": "enheter"}.get(plain, plain)


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A FHIR date or instant: its first instant in UTC (what a search compares), and how exact it is.

    `precision` is "time", "day", "month" or "year". Dates without a clock begin at midnight UTC, as in searches.
    """

    at: datetime
    precision: str = "time"

    @property
    def day(self) -> date:
        """The calendar day in Sweden; for what has no clock, the day that was written."""
        return self.at.astimezone(ZONE).date() if self.precision == "time" else self.at.date()

    @property
    def clock(self) -> str:
        return f"{self.at.astimezone(ZONE):%H:%M}" if self.precision == "time" else ""

    @property
    def iso(self) -> str:
        """The whole instant, fit for a search parameter or an HTML attribute."""
        return self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    @property
    def date(self) -> str:
        """2026-11-23, or as much of it as is known."""
        return self.day.isoformat()[: {"month": 7, "year": 4}.get(self.precision, 10)]


def moment(text: object) -> Moment | None:
    """Reads a FHIR date, dateTime or instant; None when it is missing or is none."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return None
    precision = {4: "year", 7: "month", 10: "day"}.get(len(text), "time")
    padded = text + {"year": "-01-01", "month": "-01"}.get(precision, "")
    try:
        at = datetime.fromisoformat(padded)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        at.astimezone(ZONE)
    except (ValueError, OverflowError):
        return None
    return Moment(at.astimezone(UTC), precision)


def day_heading(day: date, today: date) -> str:
    """I dag, måndag 23 november · I går, … · onsdag 11 november 2025 (year when it is another year)."""
    words = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"
    if day.year != today.year:
        words += f" {day.year}"
    if day == today:
        return f"I dag, {words}"
    if day == today - timedelta(days=1):
        return f"I går, {words}"
    return words[0].upper() + words[1:]


def month_heading(day: date) -> str:
    """November 2026: how a patient's pages are grouped."""
    return f"{MONTHS[day.month - 1].capitalize()} {day.year}"


def short_day(day: date, today: date) -> str:
    """23 november to patients; with the year when it is another year."""
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if day.year != today.year else "")


def age(born: date, on: date) -> str:
    """78 år; under two years months, under two months days (a child's dose depends on it)."""
    if on < born:
        return ""
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    if months >= 24:
        return f"{months // 12}{NBSP}år"
    if months >= 2:
        return f"{months}{NBSP}månader"
    days = (on - born).days
    return f"{days}{NBSP}dagar" if days != 1 else f"1{NBSP}dag"
