"""What a prescriber is told of medicines and allergies that only the region's record holds, and when it does not answer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from fhirserver.messages import Request
from kit.caller import Caller, Commission
from kit.http import Client
from vis.care.advising import read_known
from vis.care.checking import ATC, AWAY, HIDDEN, checks
from vis.care.elsewhere import Record

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
DOCTOR = Caller("SE-ANNA", "staff", "portal", scopes=frozenset({"user/*.cruds"}), commission=NORRBY)
PENICILLIN = {"resourceType": "AllergyIntolerance", "id": "far", "code": {"text": "penicillin"}, "criticality": "high"}


def a_medicine(id: str, name: str, code: str, patient: str, status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {"coding": [{"system": ATC, "code": code}], "text": name},
    }  # fmt: skip


async def known(engine: Any, patient: str, elsewhere: Any) -> Any:
    context = {b"fvm-patient": patient.encode(), b"authorization": b"Bearer annas"}
    request = Request("POST", ("MedicationRequest", "$check"), "", context, b"", DOCTOR, await engine.sight(DOCTOR))
    return await read_known(engine, request, patient, elsewhere)


async def test_an_allergy_that_only_the_region_holds_is_a_hit(ward: Any, engine: Any) -> None:
    patient = await ward.patient()

    async def region(_request: Request, _patient: str) -> Any:
        return [([], False), ([], False), ([PENICILLIN], False)]

    draft = a_medicine("new", "Amoxicillin tablett 500 mg", "J01CA04", patient)
    found = checks(draft, [draft], await known(engine, patient, region))
    assert [(one.code, one.state, one.about) for one in found if one.state == "hit"] == [
        ("allergy", "hit", "AllergyIntolerance/far")
    ]


async def test_what_vis_holds_counts_where_the_region_is_behind(ward: Any, engine: Any) -> None:
    patient = await ward.patient()
    ended = await ward.add(a_medicine("ended-here", "Metformin tablett 500 mg", "A10BA02", patient, "stopped"))
    theirs = a_medicine("far", "Apixaban tablett 5 mg", "B01AF02", patient)

    async def region(_request: Request, _patient: str) -> Any:
        behind = a_medicine(ended, "Metformin tablett 500 mg", "A10BA02", patient)
        return [([behind, theirs], False), ([], False), ([], False)]

    found = await known(engine, patient, region)
    assert ([one["id"] for one in found.medicines], found.gap) == (["far"], "")


@pytest.mark.parametrize(
    ("answers", "gap"),
    [([([], False), None, ([], False)], AWAY), ([([], False), ([], True), ([], False)], HIDDEN), (None, "")],
)
async def test_what_the_region_does_not_tell_is_a_gap_and_never_clear(
    ward: Any, engine: Any, answers: Any, gap: str
) -> None:
    patient = await ward.patient()

    async def region(_request: Request, _patient: str) -> Any:
        return answers

    found = await known(engine, patient, region)
    assert found.gap == gap
    draft = a_medicine("new", "Metformin tablett 500 mg", "A10BA02", patient)
    [said] = [one for one in checks(draft, [draft], found) if one.code == "duplicate"]
    assert (said.state, gap in said.text) == ("unchecked" if gap else "clear", True)


@pytest.fixture
async def region() -> AsyncIterator[Any]:
    """A record over HTTP: what it was asked with, and what it answers by type."""
    answers: dict[str, Any] = {}
    asked: list[tuple[str, str, str]] = []

    async def search(request: web.Request) -> web.Response:
        form = await request.post()
        asked.append((request.match_info["type"], request.headers["Authorization"], str(form["patient"])))
        if answers.get(request.match_info["type"]) == "broken":
            return web.Response(text="<html>")
        status, entries, more = answers.get(request.match_info["type"], (200, [], []))
        return web.json_response({"entry": entries, "link": more}, status=status)

    app = web.Application()
    app.router.add_post("/fhir/{type}/_search", search)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = Client(f"http://127.0.0.1:{runner.addresses[0][1]}", 1.0)
    yield Record(client), answers, asked
    await client.stop()
    await runner.cleanup()


async def test_the_region_is_asked_with_the_prescribers_own_token(region: Any, engine: Any) -> None:
    record, answers, asked = region
    answers["AllergyIntolerance"] = (200, [{"resource": PENICILLIN, "search": {"mode": "match"}}], [])
    answers["MedicationRequest"] = (
        200,
        [{"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}],
        [],
    )
    request = Request("POST", (), "", {b"authorization": b"Bearer annas"}, b"", DOCTOR, await engine.sight(DOCTOR))
    assert await record.asked(request, "p-1") == [([], True), ([], False), ([PENICILLIN], False)]
    assert {one[1:] for one in asked} == {("Bearer annas", "Patient/p-1")}


@pytest.mark.parametrize(
    "answer", [(503, [], []), (403, [], []), (401, [], []), (200, [], [{"relation": "next", "url": "x"}]), "broken"]
)
async def test_what_is_refused_away_or_not_whole_is_not_read(region: Any, engine: Any, answer: Any) -> None:
    record, answers, _ = region
    answers["MedicationStatement"] = answer
    request = Request("POST", (), "", {b"authorization": b"Bearer annas"}, b"", DOCTOR, await engine.sight(DOCTOR))
    assert await record.asked(request, "p-1") == [([], False), None, ([], False)]
