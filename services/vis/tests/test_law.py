"""Who may see and write what: another provider's facts are absent everywhere, patients see their own, scopes hold."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from access import Choice, Relation
from fhirserver.testing import facts_of
from kit.caller import Commission

SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def fact(ward: Any, doctor: httpx2.AsyncClient) -> tuple[str, str, str]:
    """A patient, an observation and an encounter of Norrby's (its reference between them)."""
    patient = await ward.patient(name=[{"family": "Zlag"}], birthDate="1960-05-01")
    encounter = await ward.add(
        {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
         "subject": {"reference": f"Patient/{patient}"}},
        doctor, **{"fvm-patient": patient},
    )  # fmt: skip
    observation = await ward.observation(
        patient,
        "zlag",
        doctor,
        encounter={"reference": f"Encounter/{encounter}"},
        identifier=[{"system": "urn:l", "value": patient}],
    )
    return patient, observation, encounter


async def test_the_owners_staff_see_it(ward: Any, doctor: httpx2.AsyncClient, fact: tuple[str, str, str]) -> None:
    patient, observation, _ = fact
    assert (await doctor.get(f"/Observation/{observation}")).status_code == 200
    assert await ward.ids(f"/Observation?patient={patient}", doctor) == [observation]


async def test_another_providers_facts_are_absent_from_every_way_of_looking(
    ward: Any, doctor_elsewhere: httpx2.AsyncClient, fact: tuple[str, str, str]
) -> None:
    patient, observation, encounter = fact
    other = doctor_elsewhere
    for address in (
        f"/Observation/{observation}",
        f"/Observation/{observation}/_history",
        f"/Observation/{observation}/_history/1",
    ):
        assert (await other.get(address)).status_code == 404, address
    for search in (
        f"/Observation?patient={patient}", f"/Observation?_id={observation}", f"/Observation?identifier=urn:l|{patient}",
        "/Observation?code=zlag", "/Observation?patient.family=zlag", f"/Patient?_id={patient}&_has:Observation:patient:code=zlag",
        f"/Encounter?_id={encounter}", "/Encounter?_has:Observation:encounter:code=zlag",
        f"/Observation?encounter=Encounter/{encounter}", "/Observation?encounter.class=AMB&code=zlag",
    ):  # fmt: skip
        told = (await other.get(f"{search}&_total=accurate")).json()
        assert (told["total"], told.get("entry", [])) == (0, []), search
    told = (
        await other.get(f"/Patient?_id={patient}&_revinclude=Observation:subject&_revinclude=Encounter:subject")
    ).json()
    assert [e["resource"]["resourceType"] for e in told["entry"]] == ["Patient"]
    told = (await other.get(f"/Patient/{patient}/$everything")).json()
    assert [e["resource"]["resourceType"] for e in told["entry"]] == ["Patient"]
    # A fact of one's own that refers to another's brings nothing of it.
    mine = await ward.observation(patient, "zlag2", other, encounter={"reference": f"Encounter/{encounter}"})
    told = (await other.get(f"/Observation?_id={mine}&_include=Observation:encounter")).json()
    assert [e["resource"]["id"] for e in told["entry"]] == [mine]
    assert await ward.ids("/Observation?code=zlag2&encounter.class=AMB", other) == []


async def test_another_providers_facts_can_be_neither_changed_nor_deleted(
    ward: Any, doctor_elsewhere: httpx2.AsyncClient, fact: tuple[str, str, str], an_observation_of: Any
) -> None:
    patient, observation, _ = fact
    body = {**an_observation_of(patient), "id": observation}
    answer = await doctor_elsewhere.put(f"/Observation/{observation}", json=body, headers={"fvm-patient": patient})
    assert answer.status_code == 404
    async with ward.client("system", commission=SJOVIK, subject="s", client_id="s") as system:
        assert (await system.delete(f"/Observation/{observation}")).status_code == 404
        await ward.bench.delete(f"/Observation/{observation}")
        assert (await system.get(f"/Observation/{observation}")).status_code == 404  # not 410: it never was, to them
        assert (await system.delete(f"/Observation/{observation}")).status_code == 404
        assert (await system.put(f"/Observation/{observation}", json=body)).status_code == 404
    assert (await ward.bench.get(f"/Observation/{observation}")).status_code == 410


async def test_conditions_are_decided_over_what_the_caller_may_see(
    ward: Any, fact: tuple[str, str, str], an_observation_of: Any
) -> None:
    patient, observation, _ = fact
    body = {**an_observation_of(patient), "identifier": [{"system": "urn:l", "value": patient}]}
    condition = {"if-none-exist": f"identifier=urn:l|{patient}", "fvm-patient": patient}
    async with (
        ward.client("staff", commission=NORRBY, subject="n") as own,
        ward.client("staff", commission=SJOVIK) as other,
    ):
        assert (await own.post("/Observation", json=body, headers=condition)).status_code == 200
        made = await other.post("/Observation", json=body, headers=condition)
        assert made.status_code == 201
        assert made.json()["id"] != observation


async def test_an_update_does_not_change_the_owner(
    ward: Any, fact: tuple[str, str, str], an_observation_of: Any
) -> None:
    patient, observation, _ = fact
    body = {**an_observation_of(patient, "zlag"), "id": observation}
    unit = Commission("c-9", "SE0000000001-N2", "Annan enhet", "SE0000000001-N", "Region Norr", "Läkare")
    async with (
        ward.client("staff", commission=unit, subject="n2") as colleague,
        ward.client("staff", commission=SJOVIK) as other,
    ):
        await facts_of(ward.engine, patient, relations=(Relation(unit.unit, BEGUN, BEGUN.replace(year=2100)),))
        refused = await colleague.put(f"/Observation/{observation}", json=body, headers={"fvm-patient": patient})
        assert (refused.status_code, "active choice" in refused.text) == (403, True)
        choice = Choice("session-1", BEGUN.replace(year=2100))
        relation = Relation(unit.unit, BEGUN, BEGUN.replace(year=2100))
        await facts_of(ward.engine, patient, relations=(relation,), choices=(choice,))
        assert (
            await colleague.put(f"/Observation/{observation}", json=body, headers={"fvm-patient": patient})
        ).status_code == 200
        assert (await other.get(f"/Observation/{observation}")).status_code == 404
    rows = await ward.engine.db.pool.fetch(
        "select unit from label join res on res.lab = label.id where res.id = $1", observation
    )
    assert [row["unit"] for row in rows] == [NORRBY.unit]


async def test_patients_see_their_own_and_nothing_of_others(ward: Any, fact: tuple[str, str, str]) -> None:
    patient, observation, _ = fact
    other_patient = await ward.patient(name=[{"family": "Zlag"}])
    theirs = await ward.observation(other_patient, "zlag")
    async with ward.client("patient", patient=patient, subject=patient, commission=None) as me:
        assert (await me.get(f"/Patient/{patient}")).status_code == 200
        assert (await me.get(f"/Observation/{observation}")).status_code == 200
        assert (await me.get(f"/Patient/{other_patient}")).status_code == 404
        assert (await me.get(f"/Observation/{theirs}")).status_code == 404
        assert (await me.get(f"/Observation/{theirs}/_history")).status_code == 404
        assert await ward.ids("/Patient?family=zlag", me) == [patient]
        assert await ward.ids("/Observation?code=zlag", me) == [observation]
        assert await ward.ids(f"/Observation?patient={other_patient}", me) == []
        assert (await me.get(f"/Patient/{other_patient}/$everything")).status_code == 404
        everything = (await me.get(f"/Patient/{patient}/$everything")).json()
        assert {e["resource"]["resourceType"] for e in everything["entry"]} == {"Patient", "Observation", "Encounter"}


async def test_a_patients_token_that_names_no_patient_shows_nobody(ward: Any, fact: tuple[str, str, str]) -> None:
    async with ward.client("patient", subject="nobody", commission=None) as nobody:
        assert (await nobody.get(f"/Patient/{fact[0]}")).status_code == 404
        assert await ward.ids("/Patient?family=zlag", nobody) == []


async def test_patients_do_not_write_into_the_record(
    ward: Any, fact: tuple[str, str, str], an_observation_of: Any
) -> None:
    patient, body = fact[0], an_observation_of(fact[0])
    request = {"method": "POST", "url": "Observation"}
    async with ward.client("patient", patient=patient, subject=patient, commission=None, scope="patient/*.cruds") as me:
        assert (await me.post("/Observation", json=body)).status_code == 403
        transaction = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"resource": body, "request": request}],
        }
        assert (await me.post("", json=transaction)).status_code == 403
        told = (await me.post("", json={**transaction, "type": "batch"})).json()
        assert told["entry"][0]["response"]["status"] == "403"


@pytest.mark.parametrize("purpose", ["statistics", "quality"])
async def test_a_commission_for_another_purpose_than_care_shows_nothing(
    ward: Any, fact: tuple[str, str, str], purpose: str
) -> None:
    unit = Commission(
        NORRBY.id, NORRBY.unit, NORRBY.unit_name, NORRBY.provider, NORRBY.provider_name, NORRBY.role, purpose=purpose
    )
    async with ward.client("staff", commission=unit) as analyst:  # the doctor's own commission id, another purpose
        assert (await analyst.get(f"/Observation/{fact[1]}")).status_code == 404
    async with ward.client("staff", commission=None) as nobody:
        assert (await nobody.get(f"/Observation/{fact[1]}")).status_code == 404


async def test_a_token_without_the_right_to_everything_does_not_inherit_it_from_another_of_the_same_client(
    ward: Any, fact: tuple[str, str, str]
) -> None:
    who = {"subject": "same", "client_id": "same", "commission": SJOVIK}
    async with (
        ward.client("system", scope="system/*.cruds fvm/everything", **who) as all_seeing,
        ward.client("system", scope="system/*.cruds", **who) as ordinary,
    ):
        assert (await all_seeing.get(f"/Observation/{fact[1]}")).status_code == 200
        assert (await ordinary.get(f"/Observation/{fact[1]}")).status_code == 404
