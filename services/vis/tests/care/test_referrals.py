"""A referral at both ends: sent, received, accepted, returned, forwarded, answered, taken back; by the law, once, in step."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from kit.caller import Caller, Commission
from vis.care import orders, referrals
from vis.care.asking import NotNow

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
OGON = Commission("c-3", "SE0000000001-N2", "Ögonmottagningen", "SE0000000001-N", "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ANNA = {"identifier": {"system": "urn:oid:1.2.752.29.4.19", "value": "SE-ANNA"}}


def a_referral(patient: str, unit: str = OGON.unit, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest", "id": str(uuid4()), "status": "draft", "intent": "order",
        "category": [{"coding": [{"code": "referral"}]}], "code": {"text": "Ögonbottenfoto"}, "priority": "routine",
        "subject": {"reference": f"Patient/{patient}"}, "reasonCode": [{"text": "Retinopati vid diabetes?"}],
        "note": [{"text": "Typ 2-diabetes sedan 2014."}], "performer": [{"reference": f"Organization/{unit}"}], **more,
    }  # fmt: skip


def a_test(patient: str, text: str = "P-Kalium", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest", "id": str(uuid4()), "status": "draft", "intent": "order",
        "category": [{"coding": [{"code": "laboratory"}]}], "code": {"text": text},
        "subject": {"reference": f"Patient/{patient}"}, **more,
    }  # fmt: skip


def basket(*drafts: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "order", "resource": one} for one in drafts]}


def asked(**values: str) -> dict[str, Any]:
    kinds = {"latest": "valueDate", "priority": "valueCode"}
    named = [{"name": name, kinds.get(name, "valueString"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": named}


@pytest.fixture
async def anna(ward: Any) -> Any:
    """She sends, at Norrby."""
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def eva(ward: Any) -> Any:
    """She receives, at the eye clinic of the same provider, where nobody knows the patient yet."""
    async with ward.client("staff", subject="SE-EVA", scope="user/*.cruds", commission=OGON) as found:
        yield found


@pytest.fixture
async def siv(ward: Any) -> Any:
    """She receives, at another provider."""
    async with ward.client("staff", subject="SE-SIV", scope="user/*.cruds", commission=SJOVIK) as found:
        yield found


async def act(who: httpx2.AsyncClient, patient: str, id: str, name: str, **values: str) -> httpx2.Response:
    body = asked(**values) if values else None
    return await who.post(f"/ServiceRequest/{id}/${name}", json=body, headers={"fvm-patient": patient})


async def sent(ward: Any, anna: httpx2.AsyncClient, **more: Any) -> tuple[str, str, str]:
    """Patient, order, copy."""
    patient = await ward.patient(birthDate="1961-01-18")
    draft = a_referral(patient, **more)
    answer = await anna.post("/ServiceRequest/$order", json=basket(draft), headers={"fvm-patient": patient})
    assert answer.status_code == 201, answer.text
    (order,) = (one["resource"] for one in answer.json()["entry"])
    return patient, order["id"], referrals.copy_of(order)


def reason(answer: httpx2.Response) -> str:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return str(coding[0].get("code", ""))


async def tasks_of(ward: Any, patient: str) -> dict[str, dict[str, Any]]:
    found = (await ward.bench.get(f"/Task?patient={patient}&_count=50")).json().get("entry", [])
    return {
        f"{one['resource']['code']['coding'][0]['code']} {one['resource']['focus']['reference']}": one["resource"]
        for one in found
    }


def test_only_the_acts_of_a_state_may_be_done_in_it() -> None:
    order = referrals.moved({"id": "r"}, "sent", NOW, ANNA, passed="A")
    for name in ("receive", "accept", "return", "forward", "answer", "cancel"):
        referrals.must_be(order, name)
    for to, refused in (
        ("accepted", "receive return accept send"),
        ("returned", "accept answer"),
        ("answered", "cancel send"),
    ):
        for name in refused.split():
            with pytest.raises(NotNow):
                referrals.must_be(referrals.moved(order, to, NOW, ANNA), name)


def test_a_point_of_the_flow_keeps_the_time_it_was_passed_first() -> None:
    order = referrals.moved({"id": "r"}, "sent", NOW, ANNA, passed="A", due=NOW)
    later = referrals.moved(order, "accepted", NOW + timedelta(days=3), ANNA, passed="ABC")
    assert referrals.points(later) == {
        "A": "2026-11-02T09:00:00+00:00", "B": "2026-11-05T09:00:00+00:00", "C": "2026-11-05T09:00:00+00:00",
    }  # fmt: skip
    assert referrals.part(later, "due") is None


def test_the_clock_follows_the_priority_and_vardgarantin_counts_from_the_decision() -> None:
    days = {one: (referrals.assess_by(one, NOW) - NOW).days for one in ("stat", "urgent", "routine", "")}
    assert days == {"stat": 1, "urgent": 7, "routine": 30, "": 30}
    order = referrals.moved({"id": "r"}, "sent", NOW, ANNA, passed="A")
    assert referrals.seen_by(order, NOW + timedelta(days=5)).date().isoformat() == "2027-01-31"
    assert referrals.seen_by(order, NOW + timedelta(days=200)) == NOW + timedelta(days=200)
    with pytest.raises(NotNow, match="redan varit"):
        orders.latest("2026-10-01", order, NOW)


async def test_tests_and_a_referral_are_ordered_by_one_signature(ward: Any, anna: Any) -> None:
    patient = await ward.patient()
    drafts = [a_test(patient), a_test(patient, "HbA1c"), a_referral(patient)]
    for status in (201, 200):
        answer = await anna.post("/ServiceRequest/$order", json=basket(*drafts), headers={"fvm-patient": patient})
        assert answer.status_code == status, answer.text
        made = [one["resource"] for one in answer.json()["entry"]]
        assert [one["id"] for one in made] == [one["id"] for one in drafts]
        assert {(one["status"], one["intent"], one["requester"]["identifier"]["value"]) for one in made} == {
            ("active", "order", "SE-ANNA")
        }
        assert len({one["requisition"]["value"] for one in made}) == 1
        assert {len(one["identifier"][0]["value"]) for one in made} == {12}
    assert len(await ward.ids(f"/ServiceRequest?patient={patient}&intent=order", anna)) == 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reasonCode": []}, "Rad 2: Skriv frågeställningen"),
        ({"performer": [{"reference": "Organization/nowhere"}]}, "Rad 2: Välj en enhet"),
        ({"code": {}}, "Rad 2: Ange vad som beställs"),
        ({"category": [{"coding": [{"code": "other"}]}]}, "Rad 2: Ange om det är"),
        ({"subject": {"reference": "Patient/another"}}, "Rad 2: Beställningen gäller en annan patient"),
        ({"priority": "now"}, "Rad 2: Prioriteten"),
    ],
)
async def test_what_one_line_lacks_is_told_and_nothing_of_the_basket_is_stored(
    ward: Any, anna: Any, wrong: Any, words: str
) -> None:
    patient = await ward.patient()
    drafts = basket(a_test(patient), a_referral(patient, **wrong))
    answer = await anna.post("/ServiceRequest/$order", json=drafts, headers={"fvm-patient": patient})
    assert (answer.status_code, reason(answer)) == (422, "care/not-orderable")
    assert words in answer.text
    assert await ward.ids(f"/ServiceRequest?patient={patient}") == []


async def test_nothing_is_ordered_for_who_is_dead_and_no_system_orders(ward: Any, anna: Any, system: Any) -> None:
    patient = await ward.patient(deceasedDateTime="2026-10-01")
    for who, status in ((anna, 409), (system, 403)):
        answer = await who.post(
            "/ServiceRequest/$order", json=basket(a_test(patient)), headers={"fvm-patient": patient}
        )
        assert answer.status_code == status


async def test_the_receiving_unit_has_a_relation_from_the_referral_and_reads_its_copy_and_nothing_else(
    ward: Any, anna: Any, eva: Any, siv: Any
) -> None:
    other = await ward.patient()
    note = await ward.observation(other, by=anna)
    assert (await eva.get(f"/Observation/{note}")).status_code == 403
    for receiver, unit in ((eva, OGON.unit), (siv, SJOVIK.unit)):
        patient, order, copy = await sent(ward, anna, performer=[{"reference": f"Organization/{unit}"}])
        found = await receiver.get(f"/ServiceRequest/{copy}")
        assert (found.status_code, found.json()["intent"]) == (200, "filler-order"), found.text
        assert found.json()["reasonCode"][0]["text"] == "Retinopati vid diabetes?"
        (task,) = await ward.ids(f"/Task?patient={patient}&code=urn:fvm:task|referral", receiver)
        assert (await receiver.get(f"/Task/{task}")).json()["focus"]["reference"] == f"ServiceRequest/{copy}"
        assert await ward.ids(f"/Task?patient={patient}&code=urn:fvm:task|referral", anna) == []
        assert (await receiver.get(f"/ServiceRequest/{order}")).status_code in (403, 404)
        assert (await anna.get(f"/ServiceRequest/{copy}")).status_code in (403, 404)


async def test_a_referral_is_received_accepted_and_answered_and_the_answer_is_owed_to_who_ordered_it(
    ward: Any, anna: Any, eva: Any
) -> None:
    patient, order, copy = await sent(ward, anna)
    assert (await act(eva, patient, copy, "receive")).status_code == 200
    accepted = await act(
        eva, patient, copy, "accept", latest="2027-03-01", priority="urgent", comment="Kallas till foto."
    )
    assert (accepted.status_code, referrals.state(accepted.json())) == (200, "accepted"), accepted.text
    mine = (await anna.get(f"/ServiceRequest/{order}")).json()
    assert (referrals.state(mine), mine["priority"], referrals.part(mine, "words")) == (
        "accepted", "urgent", "Kallas till foto.",
    )  # fmt: skip
    assert referrals.part(mine, "due").startswith("2027-03-01")
    assert sorted(referrals.points(mine)) == ["A", "B", "C"]
    answer = await act(eva, patient, copy, "answer", text="Inga tecken till retinopati. Ny kontroll om två år.")
    assert answer.status_code == 200, answer.text
    mine = (await anna.get(f"/ServiceRequest/{order}")).json()
    assert (mine["status"], referrals.state(mine), sorted(referrals.points(mine))) == (
        "completed",
        "answered",
        [*"ABCFG"],
    )
    (at,) = (one["valueReference"]["display"] for one in mine["extension"] if one["url"] == "urn:fvm:ordered-at")
    assert at == "Norrby"
    report = (await anna.get(f"/DiagnosticReport/{referrals.report_id(order)}")).json()
    assert report["conclusion"] == "Inga tecken till retinopati. Ny kontroll om två år."
    found = await tasks_of(ward, patient)
    states = {
        key.split()[0]: (one["status"], one["owner"].get("identifier", {}).get("value")) for key, one in found.items()
    }
    assert states == {
        "referral": ("completed", None), "referral-sent": ("completed", "SE-ANNA"), "result": ("requested", "SE-ANNA"),
    }  # fmt: skip
    read = {"resourceType": "Parameters", "parameter": [{"name": "version", "valueString": "1"}]}
    done = await anna.post(
        f"/DiagnosticReport/{report['id']}/$acknowledge", json=read, headers={"fvm-patient": patient}
    )
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    again = await act(eva, patient, copy, "answer", text="En gång till.")
    assert again.json()["meta"]["versionId"] == answer.json()["meta"]["versionId"]


async def test_a_time_that_is_booked_is_the_referrals_and_stays_so_when_it_is_asked_again(
    ward: Any, anna: Any, eva: Any
) -> None:
    patient, order, copy = await sent(ward, anna)

    async def booked(whom: str) -> str:
        coming = {"actor": {"reference": f"Patient/{whom}"}, "status": "accepted"}
        time = {"start": "2099-01-20T08:15:00+01:00", "end": "2099-01-20T08:45:00+01:00"}
        visit = {"resourceType": "Appointment", "status": "booked", "participant": [coming], **time}
        return str(await ward.add(visit, eva if whom == patient else None, **{"fvm-patient": whom}))

    time = await booked(patient)
    assert (await act(eva, patient, copy, "schedule", appointment=time)).status_code == 409  # not accepted yet
    await act(eva, patient, copy, "accept", comment="Kallas.")
    another = await booked(await ward.patient())
    assert (await act(eva, patient, copy, "schedule", appointment=another)).status_code in (403, 404, 409)
    for _ in range(2):
        done = await act(eva, patient, copy, "schedule", appointment=time)
        assert done.status_code == 200, done.text
    visit = (await eva.get(f"/Appointment/{time}")).json()
    assert (visit["basedOn"], visit["meta"]["versionId"]) == ([{"reference": f"ServiceRequest/{copy}"}], "2")
    mine = (await anna.get(f"/ServiceRequest/{order}")).json()
    assert [referrals.part(mine, name) for name in ("state", "words")] == ["accepted", "Kallas."]
    assert referrals.part(mine, "due").startswith("2099-02-19")  # answered within thirty days after the visit


async def test_a_referral_in_return_waits_at_its_sender_and_goes_out_again_with_what_was_asked(
    ward: Any, anna: Any, eva: Any
) -> None:
    patient, order, copy = await sent(ward, anna)
    assert (await act(eva, patient, copy, "return")).status_code == 400
    assert (await act(eva, patient, copy, "return", question="Hur är blodtrycket?")).status_code == 200
    watch = (await tasks_of(ward, patient))[f"referral-sent ServiceRequest/{order}"]
    assert (watch["status"], watch["code"]["text"], watch["note"][0]["text"]) == (
        "requested", "Komplettera remiss", "Hur är blodtrycket?",
    )  # fmt: skip
    early = await act(eva, patient, copy, "accept")
    assert (early.status_code, reason(early), "i retur" in early.text) == (409, "care/not-now", True)
    again = await act(anna, patient, order, "send", text="Blodtrycket är 132/84.")
    assert (again.status_code, referrals.state(again.json())) == (200, "sent"), again.text
    there = (await eva.get(f"/ServiceRequest/{copy}")).json()
    assert (referrals.state(there), there["note"][-1]["text"]) == ("sent", "Blodtrycket är 132/84.")
    assert {one["status"] for one in (await tasks_of(ward, patient)).values()} == {"requested", "on-hold"}


async def test_a_referral_is_forwarded_to_another_unit_and_the_first_has_it_no_more(
    ward: Any, anna: Any, eva: Any, siv: Any
) -> None:
    patient, order, copy = await sent(ward, anna)
    assert (await act(eva, patient, copy, "forward", unit="nowhere")).status_code == 409
    done = await act(eva, patient, copy, "forward", unit=SJOVIK.unit, comment="Sjövik har kortare kö.")
    assert done.status_code == 200, done.text
    mine = (await anna.get(f"/ServiceRequest/{order}")).json()
    assert (referrals.state(mine), mine["performer"][0]["display"]) == ("sent", "Sjövik")
    there = referrals.copy_of(mine)
    assert there != copy
    assert (await act(siv, patient, there, "accept")).status_code == 200
    assert (await eva.get(f"/ServiceRequest/{copy}")).status_code == 403  # its relation ended with the referral
    assert sorted(referrals.points((await anna.get(f"/ServiceRequest/{order}")).json())) == ["A", "B", "C"]


async def test_the_sender_takes_a_referral_back_and_nobody_else_does(ward: Any, anna: Any, eva: Any) -> None:
    patient, order, copy = await sent(ward, anna)
    by_receiver = await act(eva, patient, copy, "cancel", reason="Nej")
    assert by_receiver.status_code in (403, 409)
    assert (await act(anna, patient, order, "cancel", reason="Patienten avstår")).status_code == 200
    assert {one["status"] for one in (await tasks_of(ward, patient)).values()} == {"cancelled"}
    assert (await act(anna, patient, order, "cancel", reason="Patienten avstår")).status_code == 200
    assert (await act(anna, patient, order, "send")).status_code == 409


async def test_an_ordered_test_is_taken_back_and_a_draft_is_sent(ward: Any, anna: Any) -> None:
    patient = await ward.patient()
    headers = {"fvm-patient": patient}
    made = (await anna.post("/ServiceRequest/$order", json=basket(a_test(patient)), headers=headers)).json()["entry"][
        0
    ]["resource"]
    assert (await act(anna, patient, made["id"], "cancel", reason="Fel prov")).json()["status"] == "revoked"
    draft = a_referral(patient)
    await ward.add(draft, anna, **headers)
    out = await act(anna, patient, draft["id"], "send")
    assert (out.status_code, out.json()["status"], referrals.state(out.json())) == (200, "active", "sent"), out.text
    assert f"referral ServiceRequest/{referrals.copy_of(out.json())}" in await tasks_of(ward, patient)


async def test_two_receivers_accept_at_once_and_one_of_them_is_told(ward: Any, anna: Any, eva: Any) -> None:
    async with ward.client("staff", subject="SE-UNO", scope="user/*.cruds", commission=OGON) as uno:
        for _ in range(4):
            patient, order, copy = await sent(ward, anna)
            answers = await asyncio.gather(
                act(eva, patient, copy, "accept"), act(uno, patient, copy, "return", question="Hur är synen?")
            )
            assert sorted(one.status_code for one in answers) == [200, 409]
            (told,) = (one for one in answers if one.status_code == 409)
            assert reason(told) == "care/not-now"
            ends = [(await who.get(f"/ServiceRequest/{id}")).json() for who, id in ((anna, order), (eva, copy))]
            assert len({referrals.state(one) for one in ends}) == 1
            assert (
                len({one["businessStatus"]["coding"][0]["code"] for one in (await tasks_of(ward, patient)).values()})
                == 1
            )


async def test_the_same_basket_twice_at_once_is_one(ward: Any, anna: Any) -> None:
    patient = await ward.patient()
    body = basket(a_test(patient), a_referral(patient))
    answers = await asyncio.gather(
        *(anna.post("/ServiceRequest/$order", json=body, headers={"fvm-patient": patient}) for _ in range(3))
    )
    assert sorted(one.status_code for one in answers) == [200, 200, 201], [one.text for one in answers]
    assert len(await tasks_of(ward, patient)) == 2


async def test_a_plain_write_changes_nothing_of_a_sent_referral_and_makes_none(ward: Any, anna: Any) -> None:
    patient, order, _ = await sent(ward, anna)
    headers = {"fvm-patient": patient}
    stands = (await anna.get(f"/ServiceRequest/{order}")).json()
    changed = await anna.put(f"/ServiceRequest/{order}", json=stands | {"status": "completed"}, headers=headers)
    assert (changed.status_code, reason(changed)) == (409, "care/not-now")
    made = {name: value for name, value in stands.items() if name != "id"}
    assert (await anna.post("/ServiceRequest", json=made, headers=headers)).status_code == 409
    noted = await anna.put(f"/ServiceRequest/{order}", json=stands | {"note": [{"text": "Ring mig."}]}, headers=headers)
    assert noted.status_code == 200


async def test_a_task_of_a_referral_is_done_by_the_referral(ward: Any, anna: Any, eva: Any) -> None:
    patient, _, copy = await sent(ward, anna)
    task = (await tasks_of(ward, patient))[f"referral ServiceRequest/{copy}"]
    done = await eva.post(f"/Task/{task['id']}/$complete", headers={"fvm-patient": patient})
    assert (done.status_code, reason(done)) == (409, "care/not-now")
    assert task["restriction"]["period"]["end"] > datetime.now(UTC).isoformat()


async def test_every_end_is_the_patients_in_context(ward: Any, anna: Any, eva: Any) -> None:
    _, order, copy = await sent(ward, anna)
    other = await ward.patient()
    assert (await act(anna, other, order, "cancel", reason="Fel")).status_code in (403, 422)
    assert (await act(eva, other, copy, "accept")).status_code in (403, 422)
    assert referrals.state((await anna.get(f"/ServiceRequest/{order}")).json()) == "sent"


def test_a_long_answer_is_a_document_whose_lines_are_kept() -> None:
    caller = Caller("SE-EVA", "staff", "portal", name="Eva", commission=OGON)
    order = {"id": "r", "subject": {"reference": "Patient/p"}, "code": {"text": "Foto"}}
    short, long = (orders.answer(order, {}, caller, text, NOW) for text in ("Inga tecken.", "Rad ett.\nRad två."))
    assert (short["conclusion"], "presentedForm" in short) == ("Inga tecken.", False)
    assert base64.b64decode(long["presentedForm"][0]["data"]).decode() == "Rad ett.\nRad två."
    assert "conclusion" not in long
