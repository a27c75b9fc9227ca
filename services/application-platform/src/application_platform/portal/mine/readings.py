"""The extract of the access log as a patient reads it: who, where, when and what for (pure; LOG-12, EMG-04)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from application_platform.portal.swedish import Moment, moment, short_day


@dataclass(frozen=True, slots=True)
class Reading:
    """One access. `what` begins with a capital letter; `shown` is False where nothing was given out."""

    at: Moment | None
    who: str
    title: str
    where: str
    what: str
    purpose: str
    shown: bool
    emergency: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The accesses of one day, newest first."""

    heading: str
    readings: tuple[Reading, ...]


def reading(one: Mapping[str, Any], known: Mapping[str, str]) -> Reading:
    """An access of `GET /information/log/mine`; `known` has the names of units by HSA-id."""
    unit, provider = one["careUnit"], one["careProvider"]
    places = (
        unit["name"] or known.get(unit["id"], unit["id"]),
        provider["name"] or known.get(provider["id"], provider["id"]),
    )
    title = "" if one.get("self") or one.get("proxy") else str(one.get("userTitle", ""))
    return Reading(
        at=moment(one["accessDate"]),
        who=_who(one),
        title=title,
        where=", ".join(dict.fromkeys(word for word in places if word)),
        what=str(one.get("activity", "")),
        purpose=str(one.get("purpose", "")),
        shown=bool(one.get("shown", True)),
        emergency=one.get("activityType") == "Nödöppning",
        note="ombud eller vårdnadshavare" if one.get("proxy") else "",
    )


def _who(one: Mapping[str, Any]) -> str:
    if one.get("self"):
        return "Du själv"
    name = str(one.get("userName") or one.get("userTitle") or "")
    return name or ("Den som företräder dig" if one.get("proxy") else "Ett system i vården")


def days(rows: Sequence[Reading], today: date) -> list[Day]:
    """By day, newest first as they came; what one reader did at one place in the same minute is one line."""
    found: dict[str, list[Reading]] = {}
    for row in _together(rows):
        found.setdefault(_heading(row.at, today), []).append(row)
    return [Day(heading, tuple(listed)) for heading, listed in found.items()]


def _heading(at: Moment | None, today: date) -> str:
    if at is None:
        return "Okänd dag"
    if at.day == today:
        return "I dag"
    words = short_day(at.day, today)
    return words[0].upper() + words[1:]


def _together(rows: Sequence[Reading]) -> list[Reading]:
    """An emergency opening always stands alone."""
    found: list[Reading] = []
    for row in rows:
        last = found[-1] if found else None
        if last is None or _act(last) != _act(row):
            found.append(row)
            continue
        what, said = last.what, f"{row.what[:1].lower()}{row.what[1:]}"
        if said not in f"{what[:1].lower()}{what[1:]}".split(", "):
            what += f", {said}"
        found[-1] = replace(last, what=what, shown=last.shown or row.shown)
    return found


def _act(row: Reading) -> tuple[object, ...]:
    minute = row.at.iso[:16] if row.at else ""
    return (minute, row.who, row.where, row.purpose, row.emergency)
