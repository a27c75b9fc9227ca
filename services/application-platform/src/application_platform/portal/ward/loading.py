"""Asks VIS, as the reader, for everything on the reader's ward: beds and stays first, then what is known of those patients."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.person import Person, person
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Answer, Source
from application_platform.portal.ward.board import Found, board
from application_platform.portal.ward.model import Board
from fhircore.vitals import NEWS2, SNOMED

_NONE: frozenset[str] = frozenset()
_OPEN = "requested,received,accepted,ready,in-progress,on-hold"
_SEEN = timedelta(days=3)  # an older score is as none
_MOST = 300
BEDS = Source("Location", "", _NONE, "vårdplatser", _MOST)
STAYS = Source(
    "Encounter", "", _NONE, "inskrivna patienter", _MOST,
    (("class", "IMP,EMER"), ("status", "planned,arrived,triaged,in-progress,onleave"), ("_include", "Encounter:patient")),
)  # fmt: skip
STAYS_BY_ID = Source("Encounter", "", _NONE, "vårdtillfället", 1, (("_include", "Encounter:patient"),))
SCORES = Source("Observation", "date", _NONE, "NEWS2", 500, (("code", f"{SNOMED}|{NEWS2}"), ("_sort", "-date")))
ALLERGIES = Source("AllergyIntolerance", "", _NONE, "överkänslighet", 500)
FLAGS = Source("Flag", "", _NONE, "annan uppmärksamhet", 500)  # which R4 cannot search by status
TASKS = Source(
    "Task", "", _NONE, "svar och osignerat", 500,
    (("code", "urn:fvm:task|result,urn:fvm:task|unsigned"), ("status", _OPEN)),
)  # fmt: skip


async def load(portal: Portal, reader: Reader, now: datetime) -> Board:
    """The board of the reader's unit; what is not answered is named in it. Raises SignedOut."""
    assert reader.commission is not None
    unit, today = f"Organization/{reader.commission.unit}", now.astimezone(ZONE).date()
    vis, token = portal.care.record, reader.token
    beds, stays = await asyncio.gather(
        vis.ask(token, BEDS, [("organization", unit), ("_count", str(_MOST))]),
        vis.ask(token, STAYS, [("service-provider", unit), ("_count", str(_MOST))]),
    )
    every = timeline.resources(stays.bundle) if stays.bundle is not None else []
    people = {f"Patient/{one['id']}": person(one, today) for one in every if one["resourceType"] == "Patient"}
    encounters = _matches(stays, "Encounter")
    about = sorted({str(one.get("subject", {}).get("reference", "")) for one in encounters or ()} - {""})
    scores, allergies, flags, tasks = await _known(portal, reader, about, now)
    found = Found(_matches(beds, "Location"), encounters, people, scores, allergies, flags, tasks)
    return board(found, reader.person, now, today)


async def whose(portal: Portal, reader: Reader, stay: str, now: datetime) -> Person | None:
    """Of whom a stay is that is no longer on the board; None where it is not shown."""
    answer = await portal.care.record.ask(reader.token, STAYS_BY_ID, [("_id", stay)])
    every = timeline.resources(answer.bundle) if answer.bundle is not None else []
    people = [one for one in every if one["resourceType"] == "Patient"]
    return person(people[0], now.astimezone(ZONE).date()) if len(people) == 1 else None


async def _known(
    portal: Portal, reader: Reader, about: Sequence[str], now: datetime
) -> list[Sequence[Mapping[str, Any]] | None]:
    if not about:
        return [(), (), (), ()]
    whose = ("patient", ",".join(about))
    since = ("date", f"ge{(now - _SEEN).isoformat(timespec='seconds').replace('+00:00', 'Z')}")
    asked = [
        (one, [whose, ("_count", str(one.count)), *((since,) if one is SCORES else ())])
        for one in (SCORES, ALLERGIES, FLAGS, TASKS)
    ]
    answers = await portal.care.record.ask_all(reader.token, asked)
    return [_matches(answer, answer.source.type) for answer in answers]


def _matches(answer: Answer, type: str) -> list[Mapping[str, Any]] | None:
    if answer.bundle is None:
        return None
    return [one for one in timeline.matches(answer.bundle) if one.get("resourceType") == type]
