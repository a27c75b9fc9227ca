"""Which patient and which visit an app shall be about: found in the region's record as the person, never as a service."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application_platform.identity.model import Session
from application_platform.portal import finding, timeline
from application_platform.portal.person import Person, person
from application_platform.portal.reader import Portal
from application_platform.portal.record import NotShown
from application_platform.portal.swedish import ZONE
from application_platform.sign_in.signed_in import SessionTokens
from kit.problems import Problem

MOST = 25
NOT_SHOWN = "Patienten kan inte visas i ditt uppdrag. Välj en annan, eller byt uppdrag."
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Visit:
    """An Encounter in one line."""

    id: str
    what: str
    when: str
    ongoing: bool


async def patients(portal: Portal, token: str, typed: str, now: datetime) -> tuple[str, list[Person] | None]:
    """Hits for what was typed, or in Swedish how to type it."""
    today = now.astimezone(ZONE).date()
    wanted = finding.wanted(typed, today)
    if wanted.problem:
        return wanted.problem, None
    bundle = await portal.record.search(token, "Patient", [*wanted.pairs, ("_count", str(MOST))])
    hits = [person(found, today) for found in timeline.matches(bundle)]
    return "", sorted(hits, key=lambda hit: (hit.family, hit.given, hit.born))


async def visits(portal: Portal, token: str, patient: str) -> list[Visit]:
    """The patient's latest visits, the latest first."""
    asked = [("patient", patient), ("_sort", "-date"), ("_count", str(MOST))]
    return [_visit(found) for found in timeline.matches(await portal.record.search(token, "Encounter", asked))]


def _visit(found: Mapping[str, Any]) -> Visit:
    kind: Mapping[str, Any] = next(iter(found.get("type", [])), {})
    words = kind.get("text") or next((one.get("display") for one in kind.get("coding", []) if one.get("display")), "")
    where = found.get("serviceProvider", {}).get("display", "")
    start = str(found.get("period", {}).get("start", ""))[:10]
    what = ", ".join(part for part in (words or "Vårdkontakt", where) if part)
    return Visit(found["id"], what, start or "datum saknas", found.get("status") == "in-progress")


async def charges(portal: Portal, session: Session, tokens: SessionTokens) -> list[Person]:
    """For whom a patient acts now, by name (PAT-04, PAT-11): children until their thirteenth birthday, and who gave a mandate.
    Nobody while the information platform is away: an app about oneself needs no such answer."""
    try:
        acting = await portal.access.acting(tokens.of(session))
    except Problem:
        return []
    found = []
    for one in acting:
        with suppress(Problem):  # one who may not be shown any longer is left out
            body = await portal.record.patient(tokens.of(session, one["patient"]), one["patient"])
            found.append(person(body, datetime.now(ZONE).date()))
    return sorted(found, key=lambda who: (who.family, who.given, who.born))


async def must_be_shown(portal: Portal, token: str, patient: str, encounter: str | None) -> None:
    """Raises NotShown unless this person may see the patient, and the encounter is the patient's."""
    if not _ID.fullmatch(patient):
        raise NotShown
    await portal.record.patient(token, patient)
    if encounter is None:
        return
    if not _ID.fullmatch(encounter):
        raise NotShown
    asked = [("patient", patient), ("_id", encounter)]
    if not timeline.matches(await portal.record.search(token, "Encounter", asked)):
        raise NotShown
