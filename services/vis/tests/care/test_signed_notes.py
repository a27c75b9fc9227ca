"""A note that was signed here changes by correction, countersigning and striking out only, whatever door a write comes by."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from kit.caller import Commission
from vis.care import notes

HSA = "urn:oid:1.2.752.29.4.19"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
WORDS = "SG9zdGEgc2VkYW4gdHbDpSB2ZWNrb3Iu"  # Hosta sedan två veckor.
OTHER = "TsOlZ290IGFubmF0Lg=="  # Något annat.


def a_note(patient: str, **more: Any) -> dict[str, Any]:
    attached = {"contentType": "text/plain; charset=utf-8", "data": WORDS, "title": "Läkarbesök"}
    base = {"resourceType": "DocumentReference", "status": "current", "docStatus": "preliminary"}
    return {
        **base, "type": {"text": "Läkarbesök"}, "subject": {"reference": f"Patient/{patient}"},
        "author": [{"identifier": {"system": HSA, "value": "SE-ANNA"}}], "content": [{"attachment": attached}], **more,
    }  # fmt: skip


def asked(**values: Any) -> dict[str, Any]:
    kinds = {"who": "valueReference", "to": "valueReference"}
    named = [{"name": name, kinds.get(name, "valueString"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": named}


def hsa(value: str, name: str) -> dict[str, Any]:
    return {"type": "Practitioner", "identifier": {"system": HSA, "value": value}, "display": name}


def reason(answer: httpx2.Response) -> str:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return str(coding[0].get("code", ""))


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def bo(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-BO", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


class Signed:
    """A note, signed by Anna."""

    def __init__(self, patient: str, id: str, note: dict[str, Any]) -> None:
        self.patient, self.id, self.note = patient, id, note
        self.headers, self.address = {"fvm-patient": patient}, f"/DocumentReference/{id}"

    async def act(self, caller: httpx2.AsyncClient, name: str, **values: Any) -> httpx2.Response:
        return await caller.post(f"{self.address}/${name}", json=asked(**values), headers=self.headers)


@pytest.fixture
async def signed(ward: Any, anna: Any) -> Signed:
    patient = await ward.patient()
    id = await ward.add(a_note(patient), anna, **{"fvm-patient": patient})
    found = Signed(patient, id, {})
    found.note = (await found.act(anna, "sign")).json()
    return found


async def test_rec_03_no_plain_write_changes_or_deletes_a_signed_note(
    signed: Signed, anna: Any, bench: httpx2.AsyncClient, system: httpx2.AsyncClient
) -> None:
    other = {**signed.note, "content": [{"attachment": {"contentType": "text/plain", "data": OTHER}}]}
    unmarked = {name: value for name, value in other.items() if name != "extension"} | {"docStatus": "preliminary"}
    patch = json.dumps([{"op": "replace", "path": "/docStatus", "value": "preliminary"}])
    for who in (anna, bench, system):
        for body in (other, unmarked):
            put = await who.put(signed.address, json=body, headers=signed.headers)
            assert (put.status_code, reason(put)) == (409, "care/not-now")
        patched = await who.patch(
            signed.address, content=patch, headers={**signed.headers, "Content-Type": "application/json-patch+json"}
        )
        assert patched.status_code == 409
    deleted = await bench.delete(signed.address, headers=signed.headers)
    assert (deleted.status_code, reason(deleted)) == (409, "care/not-now")
    entry = {"resource": other, "request": {"method": "PUT", "url": f"DocumentReference/{signed.id}"}}
    whole = await bench.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert whole.status_code == 409
    assert (await anna.get(signed.address)).json()["meta"]["versionId"] == "2"


async def test_a_signed_note_is_still_corrected_countersigned_and_struck_out(
    signed: Signed, anna: Any, bo: Any
) -> None:
    corrected = await signed.act(anna, "correct", text="Hosta sedan tre veckor.", reason="Fel antal")
    countersigned = await signed.act(bo, "countersign")
    voided = await signed.act(anna, "void", reason="Fel patient")
    assert [one.status_code for one in (corrected, countersigned, voided)] == [200, 200, 200], voided.text
    assert (voided.json()["status"], voided.json()["docStatus"]) == ("entered-in-error", "entered-in-error")
    assert notes.words(voided.json()) == "Hosta sedan tre veckor."
    again = await signed.act(anna, "void", reason="Fel patient")
    assert (again.status_code, again.headers["etag"]) == (200, voided.headers["etag"])
    late = await signed.act(anna, "correct", text="Mer", reason="Mer")
    assert (late.status_code, reason(late)) == (409, "care/not-now")


async def test_no_plain_write_puts_a_signature_on_a_note(ward: Any, anna: Any) -> None:
    patient = await ward.patient()
    note = a_note(patient, id=str(uuid4()))
    await ward.add(note, anna, **{"fvm-patient": patient})
    mark = {"url": notes.SIGNED_HERE, "extension": [{"url": "by", "valueReference": hsa("SE-BO", "Bo")}]}
    forged = {**note, "docStatus": "final", "extension": [mark]}
    answer = await anna.put(f"/DocumentReference/{note['id']}", json=forged, headers={"fvm-patient": patient})
    assert (answer.status_code, reason(answer)) == (409, "care/not-now")


async def test_a_note_that_another_system_signed_stays_its_sources_to_change(ward: Any, anna: Any, system: Any) -> None:
    patient, id = await ward.patient(), str(uuid4())
    for version, data in enumerate((WORDS, OTHER), 1):
        attached = {"contentType": "text/plain", "data": data}
        note = a_note(patient, id=id, docStatus="final", content=[{"attachment": attached}])
        answer = await system.put(f"/DocumentReference/{id}", json=note, headers={"fvm-patient": patient})
        assert (answer.status_code, answer.json()["meta"]["versionId"]) == (200 if version > 1 else 201, str(version))
    asked_for = asked(text="Hosta sedan tre veckor.", reason="Fel antal")
    headers = {"fvm-patient": patient}
    assert (await anna.post(f"/DocumentReference/{id}/$correct", json=asked_for, headers=headers)).status_code == 200
    answer = await system.put(f"/DocumentReference/{id}", json=a_note(patient, id=id), headers=headers)
    assert (answer.status_code, reason(answer)) == (409, "care/not-now")  # corrected here: never written over


async def test_an_unsigned_note_is_struck_out_by_its_author_and_owed_by_nobody_afterwards(
    ward: Any, anna: Any, bo: Any
) -> None:
    patient = await ward.patient()
    found = Signed(patient, await ward.add(a_note(patient), anna, **{"fvm-patient": patient}), {})
    others = await found.act(bo, "void", reason="Fel patient")
    assert (others.status_code, reason(others)) == (403, "care/not-yours")
    assert (await found.act(anna, "void")).status_code == 400
    assert (await found.act(anna, "void", reason="Fel patient")).status_code == 200
    late = await found.act(anna, "sign")
    assert (late.status_code, reason(late)) == (409, "care/not-now")


async def test_a_colleague_is_asked_to_countersign_and_the_task_is_done_by_it(
    signed: Signed, anna: Any, bo: Any
) -> None:
    made = await signed.act(anna, "request-countersign", who=hsa("SE-BO", "Bo Ek"))
    task = made.json()
    assert (made.status_code, task["status"], task["owner"]["display"]) == (201, "requested", "Bo Ek")
    assert (task["code"]["coding"][0]["code"], task["requester"]["identifier"]["value"]) == ("countersign", "SE-ANNA")
    again = await signed.act(anna, "request-countersign", who=hsa("SE-BO", "Bo Ek"))
    assert (again.status_code, again.json()["meta"]["versionId"]) == (200, "1")
    other = await signed.act(anna, "request-countersign", who=hsa("SE-CI", "Ci Alm"))
    assert (other.status_code, other.json()["owner"]["display"]) == (200, "Ci Alm")
    assert (await signed.act(bo, "countersign")).status_code == 200
    assert (await bo.get(f"/Task/{task['id']}")).json()["status"] == "completed"
    anew = await signed.act(anna, "request-countersign", who={"reference": f"Organization/{NORRBY.unit}"})
    assert (anew.status_code, anew.json()["status"]) == (200, "requested")
    assert "executionPeriod" not in anew.json()


async def test_who_wrote_the_note_or_an_unsigned_note_is_not_asked_about(ward: Any, signed: Signed, anna: Any) -> None:
    own = await signed.act(anna, "request-countersign", who=hsa("SE-ANNA", "Anna"))
    assert (own.status_code, reason(own)) == (409, "care/not-now")
    unsigned = Signed(signed.patient, await ward.add(a_note(signed.patient), anna, **signed.headers), {})
    early = await unsigned.act(anna, "request-countersign", who=hsa("SE-BO", "Bo"))
    assert (early.status_code, reason(early)) == (409, "care/not-now")
    for who in ({"display": "Någon"}, {"reference": "Patient/1"}):
        assert (await signed.act(anna, "request-countersign", who=who)).status_code == 400
    other = await ward.patient()
    wrong = await anna.post(
        f"{signed.address}/$request-countersign", json=asked(who=hsa("SE-BO", "Bo")), headers={"fvm-patient": other}
    )
    assert wrong.status_code == 403
    assert (await anna.get(f"/Task?patient={other}")).json().get("entry", []) == []
