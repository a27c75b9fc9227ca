"""A task that is handed over stays with who has it until the other takes it; it is never with nobody."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.caller import Caller, Commission
from vis.care import offers, tasks
from vis.care.asking import NotNow, NotYours

HSA = "urn:oid:1.2.752.29.4.19"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
AT = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def hsa(value: str) -> dict[str, Any]:
    return {"type": "Practitioner", "identifier": {"system": HSA, "value": value}, "display": value.title()}


def caller(subject: str, unit: str = NORRBY.unit) -> Caller:
    held = Commission("c", unit, "Norrby", NORRBY.provider, "Region Norr", "Läkare")
    return Caller(kind="staff", subject=subject, scopes=frozenset(), client="portal", name=subject, commission=held)


def a_task(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "id": "t", "status": "accepted", "owner": hsa("SE-ANNA"), **more}


def test_what_is_offered_keeps_its_owner_and_is_taken_by_whom_it_was_offered_to() -> None:
    task = offers.offered(a_task(), caller("SE-ANNA"), hsa("SE-BO"), "Jag går hem", AT)
    assert (task["owner"], offers.offer_of(task)) == (hsa("SE-ANNA"), hsa("SE-BO"))
    with pytest.raises(NotNow):
        tasks.claimed(task, caller("SE-CI"), AT)
    taken = tasks.claimed(task, caller("SE-BO"), AT)
    assert taken["owner"]["identifier"]["value"] == "SE-BO"
    assert "extension" not in taken


def test_a_unit_that_is_offered_a_task_takes_it_by_one_of_its_people() -> None:
    unit = {"reference": "Organization/SE-X"}
    task = offers.offered(a_task(), caller("SE-ANNA"), unit, "", AT)
    with pytest.raises(NotNow):
        tasks.claimed(task, caller("SE-BO"), AT)
    assert tasks.claimed(task, caller("SE-BO", "SE-X"), AT)["owner"]["identifier"]["value"] == "SE-BO"


def test_only_who_has_a_task_hands_it_over_and_not_to_themselves() -> None:
    with pytest.raises(NotYours):
        offers.offered(a_task(), caller("SE-BO"), hsa("SE-CI"), "", AT)
    with pytest.raises(NotNow):
        offers.offered(a_task(), caller("SE-ANNA"), hsa("SE-ANNA"), "", AT)


def test_an_offer_is_declined_by_whom_it_is_for_or_taken_back_and_by_nobody_else() -> None:
    task = offers.offered(a_task(), caller("SE-ANNA"), hsa("SE-BO"), "", AT)
    with pytest.raises(NotYours):
        offers.declined(task, caller("SE-CI", "SE-X"), "", AT)
    no = offers.declined(task, caller("SE-BO", "SE-X"), "Hinner inte", AT)
    assert (no["owner"], offers.offer_of(no), no["note"][0]["text"]) == (
        hsa("SE-ANNA"), None, "Tackade nej: Hinner inte",
    )  # fmt: skip
    assert offers.declined(task, caller("SE-ANNA", "SE-X"), "", AT)["note"][0]["text"] == "Tog tillbaka erbjudandet"
    with pytest.raises(NotNow):
        offers.declined(no, caller("SE-BO"), "", AT)


def asked(**values: Any) -> dict[str, Any]:
    kinds = {"to": "valueReference"}
    named = [{"name": name, kinds.get(name, "valueString"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": named}


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


async def of_anna(ward: Any, anna: httpx2.AsyncClient, kind: str = "referral") -> tuple[dict[str, str], str]:
    patient = await ward.patient()
    headers = {"fvm-patient": patient}
    task = {
        "resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": "urn:fvm:task", "code": kind}]},
    }  # fmt: skip
    id = await ward.add(task, anna, **headers)
    assert (await anna.post(f"/Task/{id}/$claim", headers=headers)).status_code == 200
    return headers, f"/Task/{id}"


async def test_a_task_is_handed_over_declined_handed_over_again_and_taken(ward: Any, anna: Any, bo: Any) -> None:
    headers, task = await of_anna(ward, anna)
    offer = asked(to=hsa("SE-BO"), comment="Jag går hem")
    theirs = await bo.post(f"{task}/$hand-over", json=asked(to=hsa("SE-CI")), headers=headers)
    assert (theirs.status_code, reason(theirs)) == (403, "care/not-yours")
    given = await anna.post(f"{task}/$hand-over", json=offer, headers=headers)
    assert (given.status_code, given.json()["owner"]["identifier"]["value"]) == (200, "SE-ANNA")
    again = await anna.post(f"{task}/$hand-over", json=offer, headers=headers)
    assert again.headers["etag"] == given.headers["etag"]
    no = await bo.post(f"{task}/$decline", json=asked(comment="Hinner inte"), headers=headers)
    same = await bo.post(f"{task}/$decline", json=asked(comment="Hinner inte"), headers=headers)
    assert (no.status_code, same.headers["etag"]) == (200, no.headers["etag"])
    await anna.post(f"{task}/$hand-over", json=offer, headers=headers)
    taken = await bo.post(f"{task}/$claim", headers=headers)
    assert (taken.status_code, taken.json()["owner"]["identifier"]["value"]) == (200, "SE-BO")
    late = await anna.post(f"{task}/$claim", headers=headers)
    assert (late.status_code, reason(late)) == (409, "care/not-now")


async def test_an_unsigned_note_is_not_handed_over(ward: Any, anna: Any) -> None:
    headers, task = await of_anna(ward, anna, "unsigned")
    answer = await anna.post(f"{task}/$hand-over", json=asked(to=hsa("SE-BO")), headers=headers)
    assert (answer.status_code, reason(answer)) == (409, "care/not-now")
    assert (await anna.post(f"{task}/$hand-over", json=asked(), headers=headers)).status_code == 400


async def test_who_takes_an_offer_at_the_moment_it_is_taken_back_has_it_or_is_told(
    ward: Any, anna: Any, bo: Any
) -> None:
    headers, task = await of_anna(ward, anna)
    await anna.post(f"{task}/$hand-over", json=asked(to=hsa("SE-BO")), headers=headers)
    taken, back = await asyncio.gather(
        bo.post(f"{task}/$claim", headers=headers), anna.post(f"{task}/$decline", headers=headers)
    )
    owner = (await anna.get(task)).json()["owner"]["identifier"]["value"]
    assert sorted((taken.status_code, back.status_code)) == [200, 409]
    assert owner == ("SE-BO" if taken.status_code == 200 else "SE-ANNA")


async def test_what_waits_is_counted_by_whose_it_is_and_nobodys_record_is_opened(
    ward: Any, anna: Any, engine: Engine
) -> None:
    """What the portal's counters ask (application_platform.portal.shell.waits.count): no patient stands in the log for it."""
    headers, task = await of_anna(ward, anna)
    nobodys = {"resourceType": "Task", "status": "requested", "intent": "order"}
    patient = {"for": {"reference": f"Patient/{headers['fvm-patient']}"}}
    unit = {"owner": {"reference": f"Organization/{NORRBY.unit}"}}
    await ward.add({**nobodys, **patient}, anna, **headers)
    await ward.add({**nobodys, **patient, **unit}, anna, **headers)
    owners = (f"owner:identifier={HSA}|SE-ANNA", "owner:missing=true", f"owner=Organization/{NORRBY.unit}")
    for owner in owners:
        asked = f"status=requested,accepted&{owner}"
        listed = await anna.get(f"/Task?{asked}&_count=500")
        counted = await anna.get(f"/Task?{asked}&_summary=count")
        assert (counted.status_code, counted.json()["total"]) == (200, len(listed.json()["entry"])), counted.text
        assert counted.json()["total"] >= 1
        assert "entry" not in counted.json()
    row = await engine.db.pool.fetchrow("select activity, patients from access_log order by id desc limit 1")
    assert (row["activity"], list(row["patients"] or ())) == ("search", [])
    assert task
