"""What must be seen on a bed's card: late or missing vitals, allergy, isolation, answers and unsigned notes (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from application_platform.portal.entry import reference
from application_platform.portal.swedish import NBSP
from application_platform.portal.values import codes_of, text_of
from application_platform.portal.vitals.score import LATE
from application_platform.portal.ward.model import Flag, Stay

Resource = Mapping[str, Any]
Listed = Sequence[Resource] | None  # None: not answered


def flags(stay: Stay, key: str, now: datetime, allergies: Listed, notices: Listed, tasks: Listed) -> tuple[Flag, ...]:
    """In the order of danger; `key` is "Patient/id", the lists are of all the ward's patients. Of a protected person only
    what says how they are: the board hangs where others pass."""
    if stay.person.protected:
        return (Flag("Skyddade uppgifter", "law", "lock"), *of_score(stay, now))
    found = [*of_score(stay, now), *_of_allergies(allergies, key), *_of_notices(notices, key), *_of_tasks(tasks, key)]
    order = {"red": 0, "unknown": 1, "amber": 2}
    return tuple(sorted(found, key=lambda flag: order.get(flag.look, 3)))


def of_score(stay: Stay, now: datetime) -> Iterable[Flag]:
    if stay.on_leave:
        yield Flag("Permission", "", "log-out")
    if not stay.scored:
        yield Flag("NEWS2 ej kontrollerad", "unknown", "circle-dashed")
    elif stay.score is None:
        yield Flag("NEWS2 ej tagen", "unknown", "clock")
    elif stay.score.late:
        hours = int((now - stay.score.at.at - LATE) / timedelta(hours=1))
        yield Flag(f"NEWS2 {hours}{NBSP}tim sen" if hours else "NEWS2 sen", "unknown", "clock")
    if stay.score is not None and stay.score.warning:
        red = stay.score.band == "high"
        yield Flag(stay.score.warning, "red" if red else "amber", "octagon-alert" if red else "triangle-alert")


def _of_allergies(allergies: Listed, key: str) -> Iterable[Flag]:
    if allergies is None:
        yield Flag("Överkänslighet ej kontrollerad", "unknown", "circle-dashed")
    for one in allergies or ():
        living = not codes_of(one.get("clinicalStatus")) & {"inactive", "resolved"}
        sure = not codes_of(one.get("verificationStatus")) & {"entered-in-error", "refuted"}
        if reference(one.get("patient")) == key and one.get("criticality") == "high" and living and sure:
            words = text_of(one.get("code"))
            yield Flag(words[:1].upper() + words[1:], "red", "octagon-alert")


def _of_notices(notices: Listed, key: str) -> Iterable[Flag]:
    for one in notices or ():
        if reference(one.get("subject")) == key and one.get("status") == "active":
            words = text_of(one.get("code"))
            yield Flag(words, "amber" if words.lower().startswith("isolering") else "", "info")


def _of_tasks(tasks: Listed, key: str) -> Iterable[Flag]:
    mine = [codes_of(one.get("code")) for one in tasks or () if reference(one.get("for")) == key]
    answers, unsigned = sum("result" in codes for codes in mine), sum("unsigned" in codes for codes in mine)
    if answers:
        yield Flag(f"{answers}{NBSP}svar", "amber", "flask-conical")
    if unsigned:
        yield Flag("Osignerad" if unsigned == 1 else f"{unsigned}{NBSP}osignerade", "amber", "pen-line")
