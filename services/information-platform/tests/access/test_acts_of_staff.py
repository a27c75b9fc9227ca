"""What staff decide: relation, active choice, consent, emergency – who may, how long, what it opens, what it leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.caller import Commission

Body = Callable[..., dict[str, Any]]


async def post(ward: Any, commission: Commission, patient: str, door: str, body: dict[str, Any], status: int) -> Any:
    async with ward.staff(commission) as staff:
        answer = await staff.post(f"/patients/{patient}/{door}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def state(ward: Any, commission: Commission, patient: str) -> dict[str, Any]:
    async with ward.staff(commission) as staff:
        answer = await staff.get(f"/patients/{patient}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_acc_01_a_relation_is_attested_with_a_reason_for_a_time(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    before = await state(ward, ward.norrby, patient)
    out = await post(ward, ward.norrby, patient, "relations", act(reason="Konsult på avdelningen", days=3), 201)
    after = await state(ward, ward.norrby, patient)

    assert (before["relation"], before["next"][0]["doors"]) == (False, ["relations"])
    assert (after["relation"], after["next"]) == (True, [])
    (relation,) = (await ward.facts(patient)).relations
    assert relation.unit == ward.norrby.unit
    assert timedelta(days=2, hours=23) < relation.until - datetime.now(UTC) <= timedelta(days=3)
    assert out["at_vis"] is not None
    assert await ward.log(patient) == ["read", "relation-attest", "read"]


async def test_acc_01_no_reason_or_too_long_or_not_in_care_is_refused(ward: Any, act: Body, issuer: Any) -> None:
    patient = await ward.patient()
    quality = Commission("c-9", ward.norrby.unit, "N", ward.norrby.provider, "R", "Analytiker", "quality")

    await post(ward, ward.norrby, patient, "relations", act(), 400)
    refused = await post(ward, ward.norrby, patient, "relations", act(reason="Behövs", days=31), 422)
    other = await post(ward, quality, patient, "relations", act(reason="Behövs"), 403)

    assert refused["type"].endswith("access/too-long")
    assert other["type"].endswith("access/not-yours")
    assert (await ward.facts(patient)).relations == ()
    assert await ward.log(patient) == ["denied"]  # LOG-07


async def test_acc_05_an_active_choice_opens_other_units_in_this_session_only(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.almvik)
    await ward.relate(patient, ward.norrby)

    before = await state(ward, ward.norrby, patient)
    await post(ward, ward.norrby, patient, "choices", act(), 201)
    after = await state(ward, ward.norrby, patient)
    async with ward.staff(ward.norrby, sid="another") as elsewhere:
        other = (await elsewhere.get(f"/patients/{patient}")).json()

    # ACC-06: that there is something, not what.
    assert before["parts"] == [
        {
            "zone": "own-provider",
            "provider": ward.almvik.provider,
            "unit": ward.almvik.unit,
            "state": "need-active-choice",
        }
    ]
    assert (before["next"][0]["doors"], after["choice"], after["next"]) == (["choices"], True, [])
    assert (other["choice"], other["parts"][0]["state"]) == (False, "need-active-choice")
    await post(ward, ward.norrby, patient, "choices", act(hours=13), 422)


async def test_con_02_con_04_a_consent_binds_to_the_reading_unit(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.norrby)
    await ward.relate(patient, ward.sjovik)

    before = await state(ward, ward.sjovik, patient)
    await post(ward, ward.sjovik, patient, "consents", act(represented_by="patient"), 201)
    after = await state(ward, ward.sjovik, patient)

    assert (before["parts"][0]["state"], before["assertion"]) == ("need-consent", None)
    assert (after["parts"][0]["state"], after["consent"], after["assertion"]) == ("permit", True, "Consent")  # CON-05
    (consent,) = (await ward.facts(patient)).consents
    assert (consent.provider, consent.unit) == (ward.sjovik.provider, ward.sjovik.unit)


async def test_con_03_the_fields_of_a_consent_are_kept(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    until = datetime.now(UTC) + timedelta(days=90)
    body = act(represented_by="guardian", personal=True, until=until.isoformat(), reason="Gemensam utredning")
    await post(ward, ward.sjovik, patient, "consents", body, 201)

    (consent,) = (await ward.facts(patient)).consents
    async with ward.staff(ward.sjovik) as staff:
        (line,) = (await staff.get(f"/patients/{patient}/acts")).json()
    told = line["act"]
    assert (consent.ground, consent.provider, consent.unit) == ("consent", ward.sjovik.provider, ward.sjovik.unit)
    assert (consent.employee, consent.until) == (told["by"], until)
    assert told["patient"] == patient
    assert (told["requested_by"], told["reason"], told["commission"]) == ("guardian", "Gemensam utredning", "c-3")
    assert datetime.now(UTC) - datetime.fromisoformat(told["at"]) < timedelta(minutes=1)


async def test_con_05_a_consent_ends_or_is_cancelled_and_stays_in_the_history(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    consent = await post(ward, ward.sjovik, patient, "consents", act(), 201)
    ending = act(reason="Patienten ångrade sig")
    await post(ward, ward.norrby, patient, f"acts/{consent['id']}/end", ending, 404)  # another provider's
    await post(ward, ward.sjovik, patient, f"acts/{consent['id']}/end", ending, 201)
    await post(ward, ward.sjovik, patient, f"acts/{consent['id']}/cancel", act(reason="Fel patient"), 404)

    assert (await ward.facts(patient)).consents == ()
    async with ward.staff(ward.sjovik) as staff:
        history = (await staff.get(f"/patients/{patient}/acts")).json()
    assert [(one["act"]["kind"], one["in_force"]) for one in history] == [("end", False), ("consent", False)]
    assert [word for word in await ward.log(patient) if word.startswith("consent")] == [
        "consent-give",
        "consent-end",
    ]  # CON-06


async def test_con_07_somebody_who_cannot_decide_needs_what_is_known_of_their_attitude(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await post(ward, ward.sjovik, patient, "consents", act(ground="incapable"), 422)
    said = act(
        ground="incapable", attitude="Har tidigare varit positiv; inget talar emot", represented_by="representative"
    )
    await post(ward, ward.sjovik, patient, "consents", said, 201)
    assert len((await ward.facts(patient)).consents) == 1


async def test_emg_01a_emg_04_an_emergency_is_confirmed_limited_reviewed_and_told(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.norrby)
    body = act(reason="Medvetslös, okända läkemedel", ground="life", confirmed=False)

    await post(ward, ward.sjovik, patient, "emergencies", body, 422)
    await post(ward, ward.sjovik, patient, "emergencies", {**body, "confirmed": True, "hours": 25}, 422)
    await post(ward, ward.sjovik, patient, "emergencies", {**body, "confirmed": True, "ground": "curiosity"}, 400)
    await post(ward, ward.sjovik, patient, "emergencies", {**body, "confirmed": True}, 201)
    after = await state(ward, ward.sjovik, patient)

    assert (after["relation"], after["assertion"], after["parts"][0]["state"]) == (True, "Emergency", "permit")
    rows = await ward.engine.db.pool.fetch(
        "select kind, unit from access_task where patient = $1 order by kind", patient
    )
    assert [tuple(row) for row in rows] == [("patient-notice", ward.sjovik.unit), ("review", ward.sjovik.unit)]
    assert "emergency-consent" in await ward.log(patient)


async def test_emg_03_an_emergency_is_about_what_may_matter_and_about_nothing_else(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    note = await ward.fact(patient, ward.norrby)  # of the kind `und`
    body = act(reason="Medvetslös, okända läkemedel", ground="life", confirmed=True, matters=["lak", "upp"])
    await post(ward, ward.sjovik, patient, "emergencies", body, 201)
    narrow = await state(ward, ward.sjovik, patient)
    await post(ward, ward.sjovik, patient, "emergencies", {**body, "id": act()["id"], "matters": ["und"]}, 201)
    wide = await state(ward, ward.sjovik, patient)

    assert (narrow["assertion"], narrow["parts"][0]["state"]) == ("Emergency", "need-consent")
    assert narrow["next"][0]["doors"] == ["consents", "emergencies"]  # it may be opened wider, with a reason of its own
    assert [part["state"] for part in wide["parts"]] == ["permit"], note
    assert [one.info for one in (await ward.facts(patient)).consents] == [("lak", "upp"), ("und",)]
    await post(ward, ward.sjovik, patient, "emergencies", {**body, "id": act()["id"], "matters": ["Allt!"]}, 400)


async def test_emg_04_the_units_manager_reviews_and_others_do_not_see_the_tasks(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    body = act(reason="Anafylaktisk chock", ground="life", confirmed=True)
    await post(ward, ward.norrby, patient, "emergencies", body, 201)

    elsewhere = replace(ward.chief, unit=ward.almvik.unit)
    async with (
        ward.staff(ward.norrby) as doctor,
        ward.staff(ward.chief, subject="SE0000000001-chief") as chief,
        ward.staff(ward.chief) as herself,
        ward.staff(elsewhere, subject="SE0000000001-other") as beside,
        ward.staff(ward.sjovik) as other,
    ):
        assert (await doctor.get("/tasks")).json() == []
        tasks = [one for one in (await chief.get("/tasks")).json() if one["patient"] == patient]
        review = next(one["id"] for one in tasks if one["kind"] == "review")
        answer = {"outcome": "done", "note": "Befogat"}
        assert (await other.post(f"/tasks/{review}/answer", json=answer)).status_code == 404
        assert (await beside.post(f"/tasks/{review}/answer", json=answer)).status_code == 404
        assert (await doctor.post(f"/tasks/{review}/answer", json=answer)).status_code == 403
        assert (await herself.post(f"/tasks/{review}/answer", json=answer)).status_code == 403  # who opened it
        assert (await chief.post(f"/tasks/{review}/answer", json=answer)).status_code == 200
        assert review not in [one["id"] for one in (await chief.get("/tasks")).json()]
    assert "review" in await ward.log(patient)  # LOG-02: that it was reviewed, by whom and when


async def test_con_01_that_the_patient_was_told_is_written_down(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await post(ward, ward.norrby, patient, "informed", act(), 201)
    async with ward.staff(ward.norrby) as staff:
        (line,) = (await staff.get(f"/patients/{patient}/acts")).json()
    assert (line["act"]["kind"], line["act"]["unit"]) == ("informed", ward.norrby.unit)


async def test_the_same_act_sent_twice_is_taken_once_and_its_id_is_nobody_elses(ward: Any, act: Body) -> None:
    patient, other = await ward.patient(), await ward.patient()
    body = act(reason="Mottagning i dag")
    first = await post(ward, ward.norrby, patient, "relations", body, 201)
    again = await post(ward, ward.norrby, patient, "relations", body, 201)
    taken = await post(ward, ward.norrby, other, "relations", body, 409)

    assert (first["at"], first["until"]) == (again["at"], again["until"])
    assert len((await ward.facts(patient)).relations) == 1
    assert taken["type"].endswith("access/id-taken")


async def test_a_patient_whom_nobody_knows_is_not_found(ward: Any, act: Body) -> None:
    out = await post(ward, ward.norrby, "nobody-at-all", "relations", act(reason="Mottagning"), 404)
    assert out["type"].endswith("access/no-such-patient")


@pytest.mark.parametrize("kind", ["patient", "system"])
async def test_only_staff_attest_choose_and_open(ward: Any, act: Body, kind: str) -> None:
    patient = await ward.patient()
    async with ward.client(kind, subject=patient, patient=patient) as client:
        for door, body in (
            ("relations", act(reason="Nyfiken")),
            ("choices", act()),
            ("emergencies", act(reason="Nyfiken", ground="life", confirmed=True)),
            ("reveals", act(reason="Nyfiken", ground="life", confirmed=True)),
        ):
            answer = await client.post(f"/patients/{patient}/{door}", json=body)
            assert (answer.status_code, answer.json()["type"].rpartition("problems/")[2]) == (403, "access/not-yours")
    assert await ward.log(patient) == ["denied"] * 4
