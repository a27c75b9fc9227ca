"""$check: what drafts of prescriptions lack, and what their checks find, before anybody signs (spec look §6)."""

from collections.abc import Sequence
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
from vis.care.checking import Check, Known, checks

Resource = dict[str, Any]
_TYPE = "MedicationRequest"
_MOST = 500  # of the patient's medicines, and of allergies, that one check reads


async def check(engine: Engine, request: Request, _id: str) -> Answer:
    """200 with Parameters: of each draft what it lacks and what its checks found. Nothing is stored."""
    staff(request.caller)
    asked, patient = basket(request), in_context(request)
    drafts = [whole(one) for one in asked.drafts]
    known = await read_known(engine, request, patient)
    told = [_told(one, medicines.faults(one, patient), checks(one, drafts, known)) for one in drafts]
    return Answer(200, plain({"resourceType": "Parameters", "parameter": told}))


async def read_known(engine: Engine, request: Request, patient: str) -> Known:
    """What the caller may see of the patient's medicines and allergies in VIS; logged as searches."""
    orders, hidden = await _read(engine, request, _TYPE, patient, "&status=active,on-hold")
    statements, more = await _read(engine, request, "MedicationStatement", patient, "&status=active,intended,on-hold")
    allergies, third = await _read(engine, request, "AllergyIntolerance", patient, "")
    both = None if orders is None or statements is None else [*orders, *statements]
    return Known(both, allergies, hidden or more or third)


async def _read(
    engine: Engine, request: Request, type_name: str, patient: str, more: str
) -> tuple[list[Resource] | None, bool]:
    """What was found, None where it could not be read whole; and whether the law hides some of it."""
    query = f"patient=Patient/{patient}{more}&_count={_MOST}"
    asked = Request("GET", (type_name,), query, {}, b"", request.caller, request.sight)
    try:
        found = parsed((await search(engine, asked, type_name, narrowing(asked, type_name, "s"))).body)
    except Problem:
        return None, False
    if any(one.get("relation") == "next" for one in found.get("link", ())):
        return None, False
    entries = found.get("entry", ())
    hidden = any(one.get("search", {}).get("mode") == "outcome" for one in entries)
    return [one["resource"] for one in entries if one.get("search", {}).get("mode") == "match"], hidden


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


OPERATIONS = (
    Brought(
        _TYPE,
        "check",
        "What drafts lack, and what their checks find: clear, hit or unchecked; nothing is stored.",
        check,
        True,
    ),
)
