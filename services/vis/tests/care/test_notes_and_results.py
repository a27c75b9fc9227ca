"""Notes are signed, countersigned and corrected; results are acknowledged once; tasks are taken and done, at VIS's own door."""

import base64
from typing import Any

import httpx2
import pytest

from kit.caller import Commission

HSA = "urn:oid:1.2.752.29.4.19"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


def a_note(patient: str, author: str, status: str = "preliminary", text: str = "Hosta sedan två veckor.") -> Any:
    return {
        "resourceType": "DocumentReference", "status": "current", "docStatus": status,
        "type": {"text": "Läkarbesök"}, "subject": {"reference": f"Patient/{patient}"},
        "author": [{"identifier": {"system": HSA, "value": author}, "display": "Skribent"}],
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "title": "Läkarbesök",
                                    "data": base64.b64encode(text.encode()).decode()}}],
    }  # fmt: skip


def asked(**values: str) -> dict[str, Any]:
    kinds = {"outcome": "valueCode"}
    named = [{"name": name, kinds.get(name, "valueString"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": named}


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def bo(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-BO", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


async def note_of(ward: Any, anna: httpx2.AsyncClient, **more: Any) -> tuple[str, str]:
    patient = await ward.patient()
    return patient, await ward.add(a_note(patient, "SE-ANNA", **more), anna, **{"fvm-patient": patient})


async def act(who: httpx2.AsyncClient, patient: str, address: str, body: Any = None, **headers: str) -> httpx2.Response:
    return await who.post(address, json=body, headers={"fvm-patient": patient, **headers})


def reason(answer: httpx2.Response) -> str:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return str(coding[0].get("code", ""))


def text(note: Any) -> str:
    return base64.b64decode(note["content"][0]["attachment"]["data"]).decode()


async def test_rec_02_the_author_signs_a_note_and_signing_it_again_writes_nothing(
    ward: Any, anna: Any, bo: Any
) -> None:
    patient, id = await note_of(ward, anna)
    others = await act(bo, patient, f"/DocumentReference/{id}/$sign")
    assert (others.status_code, reason(others)) == (403, "care/not-yours")
    signed = await act(anna, patient, f"/DocumentReference/{id}/$sign")
    assert (signed.status_code, signed.json()["docStatus"], signed.headers["etag"]) == (200, "final", 'W/"2"')
    assert signed.json()["authenticator"]["identifier"]["value"] == "SE-ANNA"
    again = await act(anna, patient, f"/DocumentReference/{id}/$sign")
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"2"')


async def test_a_note_is_signed_for_the_patient_in_context_and_in_the_version_that_was_read(
    ward: Any, anna: Any
) -> None:
    patient, id = await note_of(ward, anna)
    other = await ward.patient()
    wrong = await act(anna, other, f"/DocumentReference/{id}/$sign")
    assert wrong.status_code == 422
    assert (await anna.post(f"/DocumentReference/{id}/$sign")).status_code == 403
    stale = await act(anna, patient, f"/DocumentReference/{id}/$sign", **{"if-match": 'W/"7"'})
    assert stale.status_code == 412
    unknown = await act(anna, patient, f"/DocumentReference/{id}/$sign", asked(reason="x"))
    assert (unknown.status_code, "reason" in unknown.text) == (400, True)
    assert (await anna.get(f"/DocumentReference/{id}")).json()["docStatus"] == "preliminary"


async def test_a_system_signs_nothing(ward: Any, anna: Any, system: httpx2.AsyncClient) -> None:
    patient, id = await note_of(ward, anna)
    answer = await act(system, patient, f"/DocumentReference/{id}/$sign")
    assert (answer.status_code, reason(answer)) == (403, "care/not-yours")


async def test_a_note_is_countersigned_by_another_after_its_author_has_signed(ward: Any, anna: Any, bo: Any) -> None:
    patient, id = await note_of(ward, anna)
    early = await act(bo, patient, f"/DocumentReference/{id}/$countersign")
    assert (early.status_code, reason(early)) == (409, "care/not-now")
    await act(anna, patient, f"/DocumentReference/{id}/$sign")
    own = await act(anna, patient, f"/DocumentReference/{id}/$countersign")
    assert (own.status_code, reason(own)) == (403, "care/not-yours")
    done = await act(bo, patient, f"/DocumentReference/{id}/$countersign")
    assert (done.status_code, "SE-BO" in done.text) == (200, True)
    again = await act(bo, patient, f"/DocumentReference/{id}/$countersign")
    assert again.headers["etag"] == done.headers["etag"]


async def test_rec_03_rec_04_a_signed_note_is_corrected_with_a_reason_and_both_texts_stay(ward: Any, anna: Any) -> None:
    patient, id = await note_of(ward, anna)
    address = f"/DocumentReference/{id}/$correct"
    said = asked(text="Hosta sedan tre veckor.", reason="Fel antal veckor")
    unsigned = await act(anna, patient, address, said)
    assert (unsigned.status_code, reason(unsigned)) == (409, "care/not-now")
    await act(anna, patient, f"/DocumentReference/{id}/$sign")
    assert (await act(anna, patient, address, asked(text="Ny text"))).status_code == 400
    corrected = await act(anna, patient, address, said)
    assert (corrected.status_code, corrected.json()["docStatus"]) == (200, "amended")
    assert text(corrected.json()) == "Hosta sedan tre veckor."
    assert "Fel antal veckor" in corrected.text
    history = (await anna.get(f"/DocumentReference/{id}/_history")).json()
    assert [text(entry["resource"]) for entry in history["entry"]] == [
        "Hosta sedan tre veckor.", "Hosta sedan två veckor.", "Hosta sedan två veckor.",
    ]  # fmt: skip
    twice = await act(anna, patient, address, said)
    assert (twice.status_code, reason(twice)) == (409, "care/not-now")


async def test_a_signature_is_logged_as_one(ward: Any, anna: Any, engine: Any) -> None:
    patient, id = await note_of(ward, anna)
    await act(anna, patient, f"/DocumentReference/{id}/$sign")
    words = await engine.db.pool.fetch("select activity from access_log order by id desc limit 2")
    assert [row["activity"] for row in words] == ["sign", "read"]


async def a_report(ward: Any, patient: str) -> str:
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "P-Kalium"},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip
    return str(await ward.add(report))


async def test_rec_12_a_result_is_acknowledged_once_by_one_person(ward: Any, anna: Any, bo: Any, engine: Any) -> None:
    patient = await ward.patient()
    id = await a_report(ward, patient)
    address, said = f"/DiagnosticReport/{id}/$acknowledge", asked(version="1", outcome="informed", comment="Ringde.")
    done = await act(anna, patient, address, said)
    assert (done.status_code, done.json()["status"]) == (201, "completed")
    assert (done.json()["focus"]["reference"], done.json()["note"][0]["text"]) == (
        f"DiagnosticReport/{id}", "Patienten informerad. Ringde.",
    )  # fmt: skip
    again = await act(anna, patient, address, said)
    assert (again.status_code, again.json()["id"]) == (200, done.json()["id"])
    other = await act(bo, patient, address, asked(version="1"))
    assert (other.status_code, reason(other)) == (409, "care/not-now")
    assert (await anna.get(f"/DiagnosticReport/{id}")).json()["meta"]["versionId"] == "1"  # the laboratory's text stays
    found = await anna.get(f"/Task?focus=DiagnosticReport/{id}&_total=accurate", headers={"fvm-patient": patient})
    assert found.json()["total"] == 1
    assert (
        await engine.db.pool.fetchval("select activity from access_log where activity = 'attest' limit 1") == "attest"
    )


async def test_a_corrected_result_is_acknowledged_anew(ward: Any, anna: Any, bo: Any) -> None:
    patient = await ward.patient()
    id = await a_report(ward, patient)
    address = f"/DiagnosticReport/{id}/$acknowledge"
    await act(anna, patient, address, asked(version="1"))
    newer = await act(bo, patient, address, asked(version="2", outcome="action", comment="Nytt prov"))
    assert (newer.status_code, [one["text"] for one in newer.json()["note"]]) == (
        200, ["Ingen åtgärd", "Åtgärd. Nytt prov"],
    )  # fmt: skip


async def test_a_result_of_another_patient_is_not_acknowledged(ward: Any, anna: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    id = await a_report(ward, patient)
    answer = await act(anna, other, f"/DiagnosticReport/{id}/$acknowledge", asked(version="1"))
    assert answer.status_code == 403
    missing = await act(anna, patient, f"/DiagnosticReport/{id}/$acknowledge", asked(outcome="none"))
    wrong = await act(anna, patient, f"/DiagnosticReport/{id}/$acknowledge", asked(version="1", outcome="later"))
    assert (missing.status_code, wrong.status_code) == (400, 400)


async def test_whose_result_it_is_is_never_taken_from_the_request_alone(ward: Any, anna: Any, engine: Any) -> None:
    """A report that only the region holds is acknowledged when its task is here, which knows the patient; not before."""
    patient = await ward.patient()
    answer = await act(anna, patient, "/DiagnosticReport/hl7-of-somebody/$acknowledge", asked(version="1"))
    assert (answer.status_code, reason(answer)) == (409, "care/not-now")
    assert (
        await engine.db.pool.fetchval("select count(*) from res where pat = $1", engine.keys.of(f"Patient/{patient}"))
        == 1
    )


async def test_a_task_is_taken_and_done_and_then_no_more(ward: Any, anna: Any, bo: Any) -> None:
    patient = await ward.patient()
    task = {
        "resourceType": "Task", "status": "requested", "intent": "order", "code": {"text": "Ring patienten"},
        "for": {"reference": f"Patient/{patient}"},
    }  # fmt: skip
    id = await ward.add(task, anna, **{"fvm-patient": patient})
    taken = await act(bo, patient, f"/Task/{id}/$claim")
    assert (taken.status_code, taken.json()["owner"]["identifier"]["value"]) == (200, "SE-BO")
    again = await act(bo, patient, f"/Task/{id}/$claim")
    assert again.headers["etag"] == taken.headers["etag"]
    by_another = await act(anna, patient, f"/Task/{id}/$claim")
    assert (by_another.status_code, reason(by_another)) == (409, "care/not-now")
    done = await act(bo, patient, f"/Task/{id}/$complete", asked(comment="Pratade med patienten"))
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    late = await act(anna, patient, f"/Task/{id}/$claim")
    assert (late.status_code, reason(late)) == (409, "care/not-now")


async def test_the_capability_statement_tells_of_these_operations(bench: httpx2.AsyncClient) -> None:
    told = (await bench.get("/metadata")).json()["rest"][0]["resource"]
    of = {one["type"]: {op["name"] for op in one.get("operation", ())} for one in told}
    assert {"sign", "countersign", "correct"} <= of["DocumentReference"]
    assert "acknowledge" in of["DiagnosticReport"]
    assert {"claim", "complete"} <= of["Task"]
