"""$check: what drafts of prescriptions lack, and what their checks find, before anybody signs (spec look §6)."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from fhirserver.bodies import parsed, plain, written_exactly
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import Draft, checked, require_context
from fhirserver.interactions.search import search
from fhirserver.messages import Answer, Request
from fhirserver.scoped import narrowing
from kit.problems import Problem
from vis.care import medicines
from vis.care.asking import staff
from vis.care.baskets import basket
from vis.care.checking import AWAY, HIDDEN, Check, Known, checks, key_of
from vis.care.elsewhere import ASKED, Elsewhere, Found, alone, query
from vis.care.elsewhere import whole as whole_of

Resource = dict[str, Any]
_TYPE = "MedicationRequest"
_STANDING = "select key from res where key = any($1::bigint[])"
MEDICINES = ("MedicationRequest", "MedicationStatement")


async def check(engine: Engine, request: Request, _id: str, elsewhere: Elsewhere = alone) -> Answer:
    """200 with Parameters: of each draft what it lacks and what its checks found. Nothing is stored."""
    staff(request.caller)
    asked, patient = basket(request), in_context(request)
    drafts = [whole(one) for one in asked.drafts]
    known = await read_known(engine, request, patient, elsewhere)
    told = [_told(one, medicines.faults(one, patient), checks(one, drafts, known)) for one in drafts]
    return Answer(200, plain({"resourceType": "Parameters", "parameter": told}))


async def read_known(engine: Engine, request: Request, patient: str, elsewhere: Elsewhere) -> Known:
    """What the caller may see of the patient's medicines and allergies, in VIS and in the region's record; logged as searches.

    VIS's copy counts where it holds one: the region may be a moment behind.
    """
    own, regions = await asyncio.gather(_here(engine, request, patient), elsewhere(request, patient))
    found = [one for one in (*own, *(regions or ())) if one is not None]
    gap = HIDDEN if any(hidden for _, hidden in found) else ""
    if regions is not None and None in regions:
        gap = AWAY
    more = [one for part in regions or () if part is not None for one in part[0]]
    held = await _held(engine, [key_of(one) for one in more])
    more = [one for one in more if key_of(one) not in held]
    orders, statements, allergies = (None if part is None else part[0] for part in own)
    medicines_ = None if orders is None or statements is None else [*orders, *statements, *_of(more, *MEDICINES)]
    return Known(medicines_, None if allergies is None else [*allergies, *_of(more, "AllergyIntolerance")], gap)


async def _here(engine: Engine, request: Request, patient: str) -> list[Found | None]:
    return [await _read(engine, request, type, query(patient, status)) for type, status in ASKED]


async def _read(engine: Engine, request: Request, type_name: str, query: str) -> Found | None:
    asked = Request("GET", (type_name,), query, {}, b"", request.caller, request.sight)
    try:
        answer = await search(engine, asked, type_name, narrowing(asked, type_name, "s"))
    except Problem:
        return None
    return whole_of(parsed(answer.body))


async def _held(engine: Engine, names: Sequence[str]) -> set[str]:
    """Those of these resources (Type/id) that VIS holds, whatever their state."""
    keys = {engine.keys.of(name): name for name in names}
    rows = await engine.db.pool.fetch(_STANDING, list(keys)) if keys else ()
    return {keys[row["key"]] for row in rows}


def _of(found: Sequence[Resource], *types: str) -> list[Resource]:
    return [one for one in found if one["resourceType"] in types]


def in_context(request: Request) -> str:
    found = require_context(request, _TYPE)
    assert found is not None  # staff must have one
    return found


def whole(draft: Resource) -> Resource:
    """The draft, of the structure of R4. Raises NotProcessable."""
    return made(draft | {"status": draft.get("status", "draft"), "intent": "order"}).data


def made(resource: Resource) -> Draft:
    """The resource, checked. Raises NotProcessable."""
    raw = written_exactly(resource)
    return checked(raw, parsed(raw), _TYPE)


def _told(draft: Resource, lacks: Sequence[tuple[str, str]], found: Sequence[Check]) -> Resource:
    parts: list[Resource] = [{"name": "id", "valueString": draft["id"]}]
    for at, say in lacks:
        parts.append(
            {"name": "lacks", "part": [{"name": "at", "valueString": at}, {"name": "text", "valueString": say}]}
        )
    for one in found:
        part: list[Resource] = [{"name": "code", "valueCode": one.code}, {"name": "state", "valueCode": one.state}]
        part += [{"name": "text", "valueString": one.text}, {"name": "severe", "valueBoolean": one.severe}]
        if one.about:
            part.append({"name": "about", "valueString": one.about})
        parts.append({"name": "check", "part": part})
    return {"name": "draft", "part": parts}


def operations(elsewhere: Elsewhere) -> tuple[Brought, ...]:
    """`elsewhere` says what the region's record has beside VIS's own."""
    told = "What drafts lack, and what their checks find: clear, hit or unchecked; nothing is stored."
    return (Brought(_TYPE, "check", told, partial(check, elsewhere=elsewhere), of_type=True),)
