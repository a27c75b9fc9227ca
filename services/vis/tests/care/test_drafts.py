"""Drafts of notes: saved versions are kept, none is written over, they are their author's, and they become a note once."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.caller import Commission
from kit.telemetry import TraceContext
from kit.testing import TestIssuer
from kit.web import new_app
from vis import record
from vis.care import api

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


@pytest.fixture
async def people(engine: Engine, issuer: TestIssuer) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """Anna and Bo, of the same unit, at VIS with the doors of the work in care."""
    verifier = issuer.verifier(record.PATH)
    inner = new_app("VIS", db=engine.db, verifier=verifier, routers=[api.router(engine)], fhir_base=record.PATH)
    app = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))
    found = {}
    for who in ("anna", "bo"):
        headers = issuer.headers(
            "staff", subject=f"SE-{who}", scope="user/*.cruds", audience=[record.PATH], commission=NORRBY
        )
        found[who] = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://localhost:8080", headers=headers
        )
    yield found
    for one in found.values():
        await one.aclose()


async def save(who: httpx2.AsyncClient, id: str, patient: str, text: str, base: int) -> httpx2.Response:
    body = {"patient": patient, "title": "Telefonkontakt", "text": text, "base": base}
    return await who.put(f"/vis/care/drafts/{id}", json=body, headers={"fvm-patient": patient})


async def file(who: httpx2.AsyncClient, id: str, patient: str, version: int, *, sign: bool) -> httpx2.Response:
    body = {"version": version, "sign": sign}
    return await who.post(f"/vis/care/drafts/{id}/file", json=body, headers={"fvm-patient": patient})


async def test_a_draft_is_saved_again_and_again_and_every_version_is_kept(
    ward: Any, people: Any, engine: Engine
) -> None:
    patient, id = await ward.patient(), str(uuid4())
    of_the_patient = "select count(*) from outbox where key = $1"
    told = await engine.db.pool.fetchval(of_the_patient, patient)
    for base, text in enumerate(("Ringer", "Ringer om", "Ringer om sömnen")):
        saved = await save(people["anna"], id, patient, text, base)
        assert (saved.status_code, saved.json()["version"]) == (200, base + 1)
    found = (await people["anna"].get(f"/vis/care/drafts/{id}")).json()
    assert (found["text"], found["version"], found["state"]) == ("Ringer om sömnen", 3, "open")
    assert await engine.db.pool.fetchval("select count(*) from draft_version where draft = $1", id) == 3
    assert await engine.db.pool.fetchval(of_the_patient, patient) == told  # nothing of a draft


async def test_a_stale_tab_writes_nothing_over(ward: Any, people: Any) -> None:
    patient, id = await ward.patient(), str(uuid4())
    await save(people["anna"], id, patient, "Första", 0)
    await save(people["anna"], id, patient, "Andra", 1)
    stale = await save(people["anna"], id, patient, "Från den gamla fliken", 1)
    assert (stale.status_code, "care/draft-newer" in stale.text) == (409, True)
    assert (await people["anna"].get(f"/vis/care/drafts/{id}")).json()["text"] == "Andra"


async def test_two_first_saves_at_the_same_moment_make_one_draft(ward: Any, people: Any) -> None:
    patient, id = await ward.patient(), str(uuid4())
    answers = await asyncio.gather(*(save(people["anna"], id, patient, f"Text {n}", 0) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_a_draft_is_its_authors_alone_and_stays_with_its_patient(ward: Any, people: Any) -> None:
    patient, other, id = await ward.patient(), await ward.patient(), str(uuid4())
    await save(people["anna"], id, patient, "Hemligt", 0)
    assert (await people["bo"].get(f"/vis/care/drafts/{id}")).status_code == 404
    assert (await save(people["bo"], id, patient, "Övertaget", 1)).status_code == 404
    assert (await people["bo"].delete(f"/vis/care/drafts/{id}")).status_code == 404
    assert id not in (await people["bo"].get("/vis/care/drafts")).text
    assert (await save(people["anna"], id, other, "Fel patient", 1)).status_code == 404
    crossed = {"patient": patient, "title": "x", "text": "y", "base": 1}
    wrong = await people["anna"].put(f"/vis/care/drafts/{id}", json=crossed, headers={"fvm-patient": other})
    assert wrong.status_code == 403


async def test_rec_02_an_unsigned_note_owes_its_author_a_task_until_it_is_signed(ward: Any, people: Any) -> None:
    patient, id, anna = await ward.patient(), str(uuid4()), people["anna"]
    await save(anna, id, patient, "Sover dåligt sedan en vecka.", 0)
    filed = await file(anna, id, patient, 1, sign=False)
    again = await file(anna, id, patient, 1, sign=False)
    assert (filed.status_code, filed.json(), again.json()) == (201, {"id": id}, {"id": id})
    note = (await anna.get(f"/vis/fhir/DocumentReference/{id}")).json()
    assert (note["docStatus"], note["meta"]["versionId"]) == ("preliminary", "1")
    assert base64.b64decode(note["content"][0]["attachment"]["data"]).decode() == "Sover dåligt sedan en vecka."
    tasks = f"/vis/fhir/Task?patient={patient}&code=urn:fvm:task|unsigned"
    (open_one,) = (await anna.get(tasks)).json()["entry"]
    assert open_one["resource"]["status"] == "requested"
    assert id not in (await anna.get("/vis/care/drafts")).text
    signed = await anna.post(f"/vis/fhir/DocumentReference/{id}/$sign", headers={"fvm-patient": patient})
    assert (signed.status_code, signed.json()["docStatus"]) == (200, "final")
    (done,) = (await anna.get(tasks)).json()["entry"]
    assert done["resource"]["status"] == "completed"


async def test_a_note_is_signed_as_it_is_filed_and_written_on_no_more(ward: Any, people: Any) -> None:
    patient, id, anna = await ward.patient(), str(uuid4()), people["anna"]
    await save(anna, id, patient, "Klart.", 0)
    newer = await file(anna, id, patient, 2, sign=True)
    assert (newer.status_code, "care/draft-newer" in newer.text) == (409, True)
    assert (await file(anna, id, patient, 1, sign=True)).status_code == 201
    assert (await anna.get(f"/vis/fhir/DocumentReference/{id}")).json()["docStatus"] == "final"
    late = await save(anna, id, patient, "Mer", 1)
    assert (late.status_code, "care/not-now" in late.text) == (409, True)
    assert (await anna.delete(f"/vis/care/drafts/{id}")).status_code == 409


async def test_filing_that_broke_off_is_filed_again_but_never_with_other_words(
    ward: Any, people: Any, engine: Engine
) -> None:
    patient, id, anna = await ward.patient(), str(uuid4()), people["anna"]
    await save(anna, id, patient, "Klart.", 0)
    assert (await file(anna, id, patient, 1, sign=False)).status_code == 201
    broke_off = "update draft set state = 'open', note = '' where id = $1"
    await engine.db.pool.execute(broke_off, id)
    again = await file(anna, id, patient, 1, sign=False)
    assert (again.status_code, again.json()["id"]) == (201, id)
    await engine.db.pool.execute(broke_off, id)
    await save(anna, id, patient, "Klart. Och mer.", 1)
    other = await file(anna, id, patient, 2, sign=False)
    assert (other.status_code, "care/not-now" in other.text) == (409, True)
    kept = (await anna.get(f"/vis/care/drafts/{id}")).json()
    assert (kept["state"], kept["text"]) == ("open", "Klart. Och mer.")
    note = (await anna.get(f"/vis/fhir/DocumentReference/{id}")).json()
    assert base64.b64decode(note["content"][0]["attachment"]["data"]).decode() == "Klart."


async def test_a_cancelled_draft_becomes_no_note_and_an_empty_one_neither(ward: Any, people: Any) -> None:
    patient, id, empty, anna = await ward.patient(), str(uuid4()), str(uuid4()), people["anna"]
    await save(anna, id, patient, "Ångrat", 0)
    for _ in range(2):
        assert (await anna.delete(f"/vis/care/drafts/{id}")).status_code == 204
    assert (await file(anna, id, patient, 1, sign=False)).status_code == 409
    await save(anna, empty, patient, "  ", 0)
    assert (await file(anna, empty, patient, 1, sign=False)).status_code == 409


async def test_a_long_note_with_a_script_in_it_is_kept_as_text(ward: Any, people: Any) -> None:
    patient, id, anna = await ward.patient(), str(uuid4()), people["anna"]
    text = "<script>alert(1)</script> & 'citat' åäö\n" * 4_000
    assert (await save(anna, id, patient, text, 0)).status_code == 200
    assert (await anna.get(f"/vis/care/drafts/{id}")).json()["text"] == text
    too_long = await save(anna, id, patient, "x" * 200_001, 1)
    assert too_long.status_code in (400, 422)
