"""Admission and beds at VIS's own door: one patient to a bed whatever door a write comes by, and 32 nurses at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.caller import Commission
from kit.erasing import Order
from vis.care.beds import begin
from vis.erasing import destroy

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Sjuksköterska")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Sjuksköterska")
UNIT = {"reference": f"Organization/{NORRBY.unit}", "display": "Norrby"}
KINDS = {"cause": "valueString", "planned-end": "valueDate", "to": "valueCode"}


def asked(**values: str) -> dict[str, Any]:
    named = {name.replace("_", "-").removesuffix("-"): value for name, value in values.items()}
    listed = [{"name": name, KINDS.get(name, "valueId"): value} for name, value in named.items()]
    return {"resourceType": "Parameters", "parameter": listed}


@pytest.fixture
async def nurse(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-NORA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def other(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-OLA", scope="user/*.cruds", commission=SJOVIK) as found:
        yield found


@pytest.fixture
def beds(ward: Any) -> Any:
    """Makes so many beds of Norrby's, with their own names; gives their ids."""

    async def made(count: int, **more: Any) -> list[str]:
        found = []
        for nth in range(1, count + 1):
            bed = {"resourceType": "Location", "status": "active", "name": f"Plats {nth}", "managingOrganization": UNIT,
                   "physicalType": {"coding": [{"code": "bd"}]}, **more}  # fmt: skip
            found.append(await ward.add(bed))
        return found

    return made


async def act(who: httpx2.AsyncClient, context: str, address: str, **values: str) -> httpx2.Response:
    return await who.post(address, json=asked(**values), headers={"fvm-patient": context})


def reason(answer: httpx2.Response) -> tuple[int, str, str]:
    issue = answer.json()["issue"][0]
    return answer.status_code, issue.get("details", {}).get("coding", [{}])[0].get("code", ""), issue["diagnostics"]


async def in_bed(ward: Any, nurse: httpx2.AsyncClient, bed: str) -> tuple[str, str]:
    """A new patient in this bed: patient, stay."""
    patient, stay = await ward.patient(), str(uuid4())
    answer = await act(nurse, patient, f"/Patient/{patient}/$admit", id=stay, bed=bed, cause="Hjärtsvikt")
    assert answer.status_code == 201, answer.text
    return patient, stay


async def taken(engine: Engine, bed: str) -> str | None:
    found: str | None = await engine.db.pool.fetchval("select stay from occupied where bed = $1", bed)
    return found


async def test_a_patient_is_admitted_to_a_bed_once_however_often_it_is_sent(ward: Any, nurse: Any, beds: Any) -> None:
    [bed] = await beds(1)
    patient, stay = await ward.patient(), str(uuid4())
    values = {"id": stay, "bed": bed, "cause": "Hjärtsvikt", "planned_end": "2026-12-01"}
    first = await act(nurse, patient, f"/Patient/{patient}/$admit", **values)
    assert first.status_code == 201, first.text
    found = first.json()
    assert (found["status"], found["class"]["code"], found["serviceProvider"]) == ("in-progress", "IMP", UNIT)
    assert found["location"][0]["location"] == {"reference": f"Location/{bed}", "display": "Plats 1"}
    assert found["statusHistory"][0]["status"] == "planned"
    again = await act(nurse, patient, f"/Patient/{patient}/$admit", **values)
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')


async def test_the_same_form_sent_many_times_at_once_makes_one_stay(ward: Any, nurse: Any, beds: Any) -> None:
    [bed] = await beds(1)
    patient, stay = await ward.patient(), str(uuid4())
    sent = [act(nurse, patient, f"/Patient/{patient}/$admit", id=stay, bed=bed) for _ in range(8)]
    answers = await asyncio.gather(*sent)
    assert {one.status_code for one in answers} <= {200, 201}
    assert await ward.ids(f"/Encounter?patient={patient}") == [stay]


async def test_a_taken_bed_is_refused_by_name_through_every_door(ward: Any, nurse: Any, beds: Any, bench: Any) -> None:
    [bed] = await beds(1)
    _, stay = await in_bed(ward, nurse, bed)
    patient = await ward.patient()
    refused = await act(nurse, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed=bed)
    told = "Plats 1 är upptagen. Läs om sidan och välj en annan plats"
    assert reason(refused) == (409, "care/not-now", told)
    plain = (await nurse.get(f"/Encounter/{stay}")).json() | {"subject": {"reference": f"Patient/{patient}"}}
    del plain["id"]
    for kind in ("IMP", "EMER"):  # a plain POST, also of an emergency visit in a bed
        plain["class"]["code"] = kind
        assert reason(await bench.post("/Encounter", json=plain))[:2] == (409, "care/not-now")
    entry = {"resource": plain | {"id": str(uuid4())}}
    entry["request"] = {"method": "PUT", "url": f"Encounter/{entry['resource']['id']}"}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert reason(await bench.post("/", json=bundle))[0] == 409
    assert await ward.ids(f"/Encounter?patient={patient}") == []


async def test_32_nurses_and_one_bed(ward: Any, nurse: Any, beds: Any, engine: Engine) -> None:
    [bed] = await beds(1)
    patients = [await ward.patient() for _ in range(32)]
    stays = [str(uuid4()) for _ in patients]
    answers = await asyncio.gather(
        *(
            act(nurse, patient, f"/Patient/{patient}/$admit", id=stay, bed=bed)
            for patient, stay in zip(patients, stays, strict=True)
        )
    )
    codes = sorted(one.status_code for one in answers)
    assert codes == [201] + [409] * 31, [one.text for one in answers if one.status_code not in (201, 409)]
    won = next(stay for stay, one in zip(stays, answers, strict=True) if one.status_code == 201)
    assert await taken(engine, bed) == won


async def test_a_patient_has_one_ongoing_stay_at_a_unit(ward: Any, nurse: Any, beds: Any) -> None:
    first, second = await beds(2)
    patient, _ = await in_bed(ward, nurse, first)
    refused = await act(nurse, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed=second)
    assert reason(refused) == (409, "care/not-now", "Patienten är redan inskriven på enheten. Läs om sidan")


async def test_who_is_waited_for_is_admitted_moved_and_discharged_and_each_bed_keeps_its_time(
    ward: Any, nurse: Any, beds: Any, engine: Engine
) -> None:
    first, second = await beds(2)
    patient, stay = await ward.patient(), str(uuid4())
    waited = await act(nurse, patient, f"/Patient/{patient}/$admit", id=stay, cause="Ramlat")
    assert (waited.status_code, waited.json()["status"], "location" in waited.json()) == (201, "planned", False)
    early = await act(nurse, patient, f"/Encounter/{stay}/$move", bed=first)
    assert reason(early) == (409, "care/not-now", "Patienten är inte inskriven än. Skriv in först")
    assert (await act(nurse, patient, f"/Encounter/{stay}/$admit", bed=first)).json()["status"] == "in-progress"
    moved = await act(nurse, patient, f"/Encounter/{stay}/$move", bed=second, from_=first)
    assert moved.status_code == 200, moved.text
    places = moved.json()["location"]
    assert [one["status"] for one in places] == ["completed", "active"]
    assert places[0]["period"]["end"] == places[1]["period"]["start"]
    stale = await act(nurse, patient, f"/Encounter/{stay}/$move", bed=first, from_=first)
    assert reason(stale) == (409, "care/not-now", "Patienten har flyttats sedan du öppnade sidan. Läs om den")
    assert (await taken(engine, first), await taken(engine, second)) == (None, stay)
    again = await act(nurse, patient, f"/Encounter/{stay}/$move", bed=second)
    assert (again.status_code, again.headers["etag"]) == (200, moved.headers["etag"])
    gone = await act(nurse, patient, f"/Encounter/{stay}/$discharge", to="home")
    assert (gone.json()["status"], "end" in gone.json()["period"], await taken(engine, second)) == (
        "finished",
        True,
        None,
    )
    assert gone.json()["hospitalization"]["dischargeDisposition"]["text"] == "Hemmet"
    twice = await act(nurse, patient, f"/Encounter/{stay}/$discharge", to="home")
    assert (twice.status_code, twice.headers["etag"]) == (200, gone.headers["etag"])
    assert reason(await act(nurse, patient, f"/Encounter/{stay}/$discharge", to="exp"))[0] == 409
    await in_bed(ward, nurse, second)  # the bed is free again


async def test_on_leave_the_bed_is_kept(ward: Any, nurse: Any, beds: Any, engine: Engine) -> None:
    [bed] = await beds(1)
    patient, stay = await in_bed(ward, nurse, bed)
    away = await act(nurse, patient, f"/Encounter/{stay}/$leave-of-absence")
    assert (away.json()["status"], await taken(engine, bed)) == ("onleave", stay)
    back = await act(nurse, patient, f"/Encounter/{stay}/$return")
    assert [one["status"] for one in back.json()["statusHistory"]] == ["planned", "in-progress", "onleave"]


async def test_two_patients_change_beds_both_or_neither(ward: Any, nurse: Any, beds: Any, engine: Engine) -> None:
    first, second = await beds(2)
    (anna, hers), (bo, his) = await in_bed(ward, nurse, first), await in_bed(ward, nurse, second)
    wrong = await act(nurse, anna, f"/Encounter/{hers}/$swap", with_=his, patient=anna)
    assert wrong.status_code in (403, 422), wrong.text
    assert (await taken(engine, first), await taken(engine, second)) == (hers, his)
    done = await act(nurse, anna, f"/Encounter/{hers}/$swap", with_=his, patient=bo)
    assert done.status_code == 200, done.text
    assert (await taken(engine, first), await taken(engine, second)) == (his, hers)
    both = sorted(engine.keys.of(f"Patient/{one}") for one in (anna, bo))
    logged = await engine.db.pool.fetchval("select count(*) from access_log where patients @> $1::bigint[]", both)
    assert logged == 1  # whose record was changed stands in the log, of both


async def test_swaps_from_both_ends_at_once_leave_everybody_in_a_bed(
    ward: Any, nurse: Any, beds: Any, engine: Engine
) -> None:
    first, second = await beds(2)
    (anna, hers), (bo, his) = await in_bed(ward, nurse, first), await in_bed(ward, nurse, second)
    sent = [act(nurse, anna, f"/Encounter/{hers}/$swap", with_=his, patient=bo) for _ in range(6)]
    sent += [act(nurse, bo, f"/Encounter/{his}/$swap", with_=hers, patient=anna) for _ in range(6)]
    answers = await asyncio.gather(*sent)
    assert {one.status_code for one in answers} <= {200, 409}, [one.text for one in answers]
    assert {await taken(engine, first), await taken(engine, second)} == {hers, his}


async def test_a_bed_is_given_by_its_own_ward_and_only_when_it_can_be_used(
    ward: Any, nurse: Any, other: Any, beds: Any
) -> None:
    [bed] = await beds(1)
    patient = await ward.patient()
    elsewhere = await act(other, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed=bed)
    told = "Plats 1 hör till Norrby. Den som arbetar där skriver in"
    assert reason(elsewhere) == (403, "care/not-yours", told)
    [dirty] = await beds(1, operationalStatus={"code": "H"})
    cleaning = await act(nurse, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed=dirty)
    assert reason(cleaning) == (409, "care/not-now", "Plats 1 städas. Välj en annan plats")
    room = await ward.add(
        {"resourceType": "Location", "name": "Korridoren", "physicalType": {"coding": [{"code": "co"}]}}
    )
    assert (await act(nurse, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed=room)).status_code == 400
    assert (await act(nurse, patient, f"/Patient/{patient}/$admit", id=str(uuid4()), bed="nowhere")).status_code == 400


async def test_who_has_died_is_not_admitted_and_another_patients_context_is_refused(ward: Any, nurse: Any) -> None:
    dead, living = await ward.patient(deceasedBoolean=True), await ward.patient()
    assert reason(await act(nurse, dead, f"/Patient/{dead}/$admit", id=str(uuid4())))[:2] == (409, "care/not-now")
    assert (await act(nurse, living, f"/Patient/{dead}/$admit", id=str(uuid4()))).status_code == 403


async def test_a_system_admits_nobody(ward: Any, system: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    assert reason(await act(system, patient, f"/Patient/{patient}/$admit", id=str(uuid4())))[:2] == (
        403,
        "care/not-yours",
    )


async def test_the_planned_day_is_written_changed_and_taken_away(ward: Any, nurse: Any, beds: Any) -> None:
    [bed] = await beds(1)
    patient, stay = await in_bed(ward, nurse, bed)
    day = (await act(nurse, patient, f"/Encounter/{stay}/$plan-discharge", planned_end="2026-11-30")).json()
    assert [one["valueDateTime"] for one in day["extension"]] == ["2026-11-30"]
    assert (await act(nurse, patient, f"/Encounter/{stay}/$plan-discharge", planned_end="30 nov")).status_code == 400
    none = (await act(nurse, patient, f"/Encounter/{stay}/$plan-discharge")).json()
    assert "extension" not in none


async def test_a_deleted_stay_frees_its_bed(ward: Any, nurse: Any, beds: Any, bench: Any, engine: Engine) -> None:
    [bed] = await beds(1)
    _, stay = await in_bed(ward, nurse, bed)
    assert (await bench.delete(f"/Encounter/{stay}")).status_code in (200, 204)
    assert await taken(engine, bed) is None


async def test_an_order_of_destruction_frees_the_bed(ward: Any, nurse: Any, beds: Any, engine: Engine) -> None:
    first, second = await beds(2)
    (patient, stay), (_, other) = await in_bed(ward, nurse, first), await in_bed(ward, nurse, second)
    for order in (Order(str(uuid4()), datetime.now(UTC), [patient], [f"Encounter/{stay}"]),
                  Order(str(uuid4()), datetime.now(UTC), [patient])):  # fmt: skip
        async with engine.db.pool.acquire() as con, con.transaction():
            await destroy(engine, con, order, ())
    assert (await taken(engine, first), await taken(engine, second)) == (None, other)


async def test_the_questions_a_wards_board_asks_are_answered_about_its_own_patients(
    ward: Any, nurse: Any, other: Any, beds: Any
) -> None:
    """As the portal's board asks them (application_platform.portal.ward.loading), by POST and as a member of staff."""
    first, second = await beds(2)
    (anna, hers), (bo, _) = await in_bed(ward, nurse, first), await in_bed(ward, nurse, second)
    waited, planned = await ward.patient(), str(uuid4())
    await act(nurse, waited, f"/Patient/{waited}/$admit", id=planned)
    gone, over = await in_bed(ward, nurse, (await beds(1))[0])
    await act(nurse, gone, f"/Encounter/{over}/$discharge", to="home")

    async def asked(who: httpx2.AsyncClient, type: str, **more: str) -> dict[str, list[dict[str, Any]]]:
        answer = await who.post(f"/{type}/_search", data={"_count": "300", **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, list[dict[str, Any]]] = {"match": [], "include": [], "outcome": []}
        for entry in answer.json().get("entry", ()):
            found[entry["search"]["mode"]].append(entry["resource"])
        return found

    places = await asked(nurse, "Location", organization=UNIT["reference"])
    assert {first, second} <= {one["id"] for one in places["match"]}
    stays = {
        "service-provider": UNIT["reference"], "class": "IMP,EMER", "_include": "Encounter:patient",
        "status": "planned,arrived,triaged,in-progress,onleave",
    }  # fmt: skip
    found = await asked(nurse, "Encounter", **stays)
    about = {one["subject"]["reference"] for one in found["match"]}
    assert {f"Patient/{anna}", f"Patient/{bo}", f"Patient/{waited}"} <= about
    assert f"Patient/{gone}" not in about
    assert {one["id"] for one in found["include"]} >= {anna, bo, waited}
    for patient in (anna, bo):
        said = [("id", str(uuid4())), ("pulse", 80)]
        body = {"resourceType": "Parameters", "parameter": [
            {"name": name, "valueId" if name == "id" else "valueInteger": value} for name, value in said]}  # fmt: skip
        done = await nurse.post(f"/Patient/{patient}/$record-vitals", json=body, headers={"fvm-patient": patient})
        assert done.status_code == 201, done.text
    both = f"Patient/{anna},Patient/{bo}"
    since = (datetime.now(UTC) - timedelta(days=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    scores = await asked(
        nurse,
        "Observation",
        patient=both,
        code="http://snomed.info/sct|1104051000000101",
        date=f"ge{since}",
        _sort="-date",
    )
    assert {one["subject"]["reference"] for one in scores["match"]} == set(both.split(","))
    open_tasks = {"code": "urn:fvm:task|result,urn:fvm:task|unsigned", "status": "requested,accepted"}
    for type, more in (("AllergyIntolerance", {}), ("Flag", {}), ("Task", open_tasks)):
        assert (await asked(nurse, type, patient=both, **more))["match"] == []
    assert (await asked(other, "Encounter", **stays))["match"] == []
    assert hers in {one["id"] for one in found["match"]}


async def test_a_region_that_is_older_than_the_table_takes_its_places_once(
    ward: Any, nurse: Any, beds: Any, engine: Engine
) -> None:
    first, second = await beds(2)
    (_, stay), (leaving, other) = await in_bed(ward, nurse, first), await in_bed(ward, nurse, second)
    await act(nurse, leaving, f"/Encounter/{other}/$discharge", to="home")
    before = {tuple(row) for row in await engine.db.pool.fetch("select * from occupied")}
    await engine.db.pool.execute("delete from occupied where stay = $1", stay)
    await begin(engine)  # not empty: somebody has begun already
    assert await taken(engine, first) is None
    await engine.db.pool.execute("truncate occupied")
    await begin(engine)
    assert (await taken(engine, first), await taken(engine, second)) == (stay, None)
    assert {tuple(row) for row in await engine.db.pool.fetch("select * from occupied")} == before
