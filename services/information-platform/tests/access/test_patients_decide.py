"""What patients decide themselves, who acts for children and adults, and what protection breaks."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from access import Rules
from fhirserver.facts import put_rules
from kit.caller import Commission

Body = Callable[..., dict[str, Any]]
YEAR = datetime.now(UTC).year
SECURITY = "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel"


async def post(ward: Any, commission: Commission, patient: str, door: str, body: dict[str, Any], status: int) -> Any:
    async with ward.staff(commission) as staff:
        answer = await staff.post(f"/patients/{patient}/{door}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_pat_13_a_patient_sets_and_lifts_a_block_and_gives_and_ends_a_consent(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    block = act(kind="inner", provider=ward.norrby.provider, unit=ward.norrby.unit)
    consent = act(provider=ward.sjovik.provider, unit=ward.sjovik.unit)
    async with ward.as_patient(patient) as own:
        for door, body in (("blocks", block), ("consents", consent)):
            answer = await own.post(f"/patients/{patient}/{door}", json=body)
            assert answer.status_code == 201, answer.text
        during = await ward.facts(patient)
        for body in (block, consent):
            answer = await own.post(f"/patients/{patient}/acts/{body['id']}/end", json=act())
            assert answer.status_code == 201, answer.text
        history = (await own.get(f"/patients/{patient}/acts")).json()

    assert (len(during.blocks), during.consents[0].unit) == (1, ward.sjovik.unit)
    after = await ward.facts(patient)
    assert (after.blocks, after.consents) == ((), ())
    assert [line["act"]["kind"] for line in history] == ["end", "end", "consent", "block"]


async def test_nobody_reaches_another_patients_decisions(ward: Any, act: Body) -> None:
    patient, stranger = await ward.patient(), await ward.patient()
    block = await post(ward, ward.norrby, patient, "blocks", act(kind="outer", provider=ward.norrby.provider), 201)
    async with ward.as_patient(stranger) as other, ward.as_patient(stranger, patient) as claimed:
        for client in (other, claimed):
            assert (await client.get(f"/patients/{patient}")).status_code == 404
            assert (await client.get(f"/patients/{patient}/acts")).status_code == 404
            ending = await client.post(f"/patients/{patient}/acts/{block['id']}/end", json=act())
            assert ending.status_code == 403
    assert len((await ward.facts(patient)).blocks) == 1


async def test_con_08_who_is_under_16_decides_through_staff_and_a_small_childs_guardian_consents(
    ward: Any, act: Body
) -> None:
    child, father = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    teen = await ward.patient(f"{YEAR - 14}-01-01")
    await post(ward, ward.chief, child, "guardians", act(who=father, reason="Folkbokföring"), 201)
    body = act(provider=ward.sjovik.provider, unit=ward.sjovik.unit)
    async with ward.as_patient(father, child) as guardian, ward.as_patient(teen) as young:
        assert (await guardian.post(f"/patients/{child}/consents", json=body)).status_code == 201
        assert (await young.post(f"/patients/{teen}/consents", json=act(**body))).status_code == 403
    await post(ward, ward.sjovik, teen, "consents", act(), 201)


async def test_pat_04_pat_07_a_guardian_sees_a_small_child_until_shut_out_at_once(ward: Any, act: Body) -> None:
    child, father = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    await post(ward, ward.norrby, child, "guardians", act(who=father, reason="Folkbokföring"), 403)
    await post(ward, ward.chief, child, "guardians", act(who=father, reason="Folkbokföring"), 201)
    async with ward.as_patient(father, child) as guardian:
        assert (await guardian.get(f"/patients/{child}")).json()["role"] == "guardian"
        await post(ward, ward.norrby, child, "guardian-blocks", act(who=father, reason="Oro för barnet"), 403)
        stop = await post(ward, ward.chief, child, "guardian-blocks", act(who=father, reason="Oro för barnet"), 201)
        assert (await guardian.get(f"/patients/{child}")).status_code == 404
        assert [one.blocked for one in (await ward.facts(child)).acting] == [True]
        await post(ward, ward.chief, child, f"acts/{stop['id']}/end", act(reason="Omprövat"), 201)
        assert (await guardian.get(f"/patients/{child}")).status_code == 200


async def test_pat_05_between_13_and_15_a_unit_opens_what_it_wrote_after_assessment(ward: Any, act: Body) -> None:
    teen, adult = await ward.patient(f"{YEAR - 14}-01-01"), await ward.patient()
    await post(ward, ward.norrby, teen, "opened", act(to=["child", "guardian"], reason="Mogen"), 201)
    assert {(one.unit, one.to) for one in (await ward.facts(teen)).opened} == {
        (ward.norrby.unit, "child"), (ward.norrby.unit, "guardian"),
    }  # fmt: skip
    refused = await post(ward, ward.norrby, adult, "opened", act(to=["child"], reason="Mogen"), 422)
    assert refused["type"].endswith("access/wrong-age")


async def test_pat_06_a_child_of_13_signs_in_and_reads_nothing_of_the_record(ward: Any, act: Body) -> None:
    teen, mother = await ward.patient(f"{YEAR - 14}-01-01"), await ward.patient()
    await ward.fact(teen, ward.norrby)
    await post(ward, ward.chief, teen, "guardians", act(who=mother, reason="Folkbokföring"), 201)
    async with ward.as_patient(teen) as young, ward.as_patient(mother, teen) as guardian:
        before = [await client.get(f"/patients/{teen}") for client in (young, guardian)]
        await post(ward, ward.norrby, teen, "opened", act(to=["child"], reason="Mogen"), 201)
        after = (await young.get(f"/patients/{teen}")).json()

    assert [one.status_code for one in before] == [200, 404]  # the child is known, the guardian acts for nobody of 13
    assert [part for part in before[0].json()["parts"] if part["state"] == "permit"] == []
    assert [part["state"] for part in after["parts"]] == ["permit"]


async def test_pat_10_each_guardian_reads_alone(ward: Any, act: Body) -> None:
    child = await ward.patient(f"{YEAR - 8}-01-01")
    mother, father = await ward.patient(), await ward.patient()
    for who in (mother, father):
        await post(ward, ward.chief, child, "guardians", act(who=who, reason="Folkbokföring"), 201)
    await post(ward, ward.chief, child, "guardian-blocks", act(who=father, reason="Oro för barnet"), 201)
    async with ward.as_patient(mother, child) as one, ward.as_patient(father, child) as other:
        assert (await one.get(f"/patients/{child}")).json()["role"] == "guardian"
        assert (await other.get(f"/patients/{child}")).status_code == 404
        told = (await one.get(f"/patients/{child}/acts")).json()
    assert {line["act"]["kind"] for line in told} == {"guardian"}  # why the other is kept out is not told (PAT-07)


async def test_pat_09_of_a_hidden_unit_not_even_that_it_knows_the_child_is_told(ward: Any, act: Body) -> None:
    child, mother = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    await post(ward, ward.chief, child, "guardians", act(who=mother, reason="Folkbokföring"), 201)
    for commission in (ward.norrby, ward.almvik):
        await ward.fact(child, commission)
    async with ward.engine.db.pool.acquire() as con:
        await put_rules(con, Rules(hidden_units=frozenset((ward.almvik.unit,))))
    await ward.engine.law.refresh(ward.engine.db.pool)
    async with ward.as_patient(mother, child) as guardian:
        told = await guardian.get(f"/patients/{child}")

    assert [part["unit"] for part in told.json()["parts"]] == [ward.norrby.unit]
    assert ward.almvik.unit not in told.text
    assert (await ward.log(child))[-1] == "read"


async def test_pat_08_protection_of_child_or_guardian_breaks_the_link_by_itself(ward: Any, act: Body) -> None:
    child, father = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    await post(ward, ward.chief, child, "guardians", act(who=father, reason="Folkbokföring"), 201)
    marked = {"security": [{"system": SECURITY, "code": "sekretessmarkering"}]}
    person = {"resourceType": "Patient", "id": father, "birthDate": "1960-05-01"}

    await ward.tell({**person, "meta": marked}, version=2)
    assert [one.blocked for one in (await ward.facts(child)).acting] == [True]
    await ward.tell(person, version=3)
    assert [one.blocked for one in (await ward.facts(child)).acting] == [False]
    await ward.tell(
        {"resourceType": "Patient", "id": child, "birthDate": f"{YEAR - 8}-01-01", "meta": marked}, version=2
    )
    assert (await ward.facts(child)).protected == "sekretessmarkering"
    async with ward.as_patient(father, child) as guardian:
        assert (await guardian.get(f"/patients/{child}")).status_code == 404
    async with ward.staff() as staff:  # PRT-03: marked for everybody
        assert (await staff.get(f"/patients/{child}")).json()["protected"] == "sekretessmarkering"


async def test_pat_11_a_mandate_has_scope_source_and_end(ward: Any, act: Body) -> None:
    patient, friend = await ward.patient(), await ward.patient()
    body = act(who=friend, scope=["read"], until=f"{YEAR + 2}-01-01T00:00:00Z")
    async with ward.as_patient(patient) as own, ward.as_patient(friend, patient) as ombud:
        assert (
            await own.post(f"/patients/{patient}/mandates", json=act(who=friend, source="god-man"))
        ).status_code == 403
        assert (await own.post(f"/patients/{patient}/mandates", json=body)).status_code == 201
        assert (await ombud.get(f"/patients/{patient}")).json()["role"] == "mandate"
        blocking = act(kind="outer", provider=ward.norrby.provider)
        assert (await ombud.post(f"/patients/{patient}/blocks", json=blocking)).status_code == 403
        assert (await own.post(f"/patients/{patient}/acts/{body['id']}/end", json=act())).status_code == 201
        assert (await ombud.get(f"/patients/{patient}")).status_code == 404
    actors = await ward.engine.db.pool.fetch(
        "select distinct actor from access_log where $1 = any(patients)", ward.engine.keys.of(f"Patient/{patient}")
    )
    assert {row["actor"] for row in actors} == {patient, friend}
