"""What the law asks of the record itself: an owner of every fact, nothing that goes away, and who looked by which door."""

from datetime import UTC, datetime
from typing import Any

import httpx2

from access import Relation
from fhirserver.engine import Engine
from fhirserver.testing import facts_of
from kit.caller import Commission

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
SECURITY = "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel"
BEGUN, ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


async def test_acc_08_a_fact_without_owner_is_withheld_at_the_door(
    ward: Any, doctor: httpx2.AsyncClient, engine: Engine
) -> None:
    patient = await ward.patient()
    kept, orphan = await ward.observation(patient, "acc-08"), await ward.observation(patient, "acc-08")
    nobody = await engine.db.pool.fetchval(
        "insert into label(provider, unit, info, security) values ('', '', 'und', '') returning id"
    )
    await engine.db.pool.execute("update res set lab = $1 where id = $2", nobody, orphan)
    await engine.labels.load(engine.db.pool)

    assert (await doctor.get(f"/Observation/{kept}")).status_code == 200
    assert (await doctor.get(f"/Observation/{orphan}")).status_code == 404
    assert await ward.ids("/Observation?code=acc-08", doctor) == [kept]


async def test_acc_12_a_systems_reads_stand_in_the_log_under_its_own_name(
    ward: Any, system: httpx2.AsyncClient, engine: Engine
) -> None:
    patient = await ward.patient()
    observation = await ward.observation(patient)
    assert (await system.get(f"/Observation/{observation}")).status_code == 200

    row = await engine.db.pool.fetchrow(
        "select actor, client, purpose, activity from access_log where $1 = any(patients) order by id desc limit 1",
        engine.keys.of(f"Patient/{patient}"),
    )
    assert (row["actor"], row["client"], row["activity"]) == ("ward-system", "ward-system", "read")


async def test_rec_04_rec_10_a_corrected_entry_keeps_both_texts_with_when_and_by_whom(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any, engine: Engine
) -> None:
    patient = await ward.patient()
    context = {"fvm-patient": patient}
    wrong = {**an_observation_of(patient), "valueString": "ingen blödning"}
    id = await ward.add(wrong, doctor, **context)
    right = {**wrong, "id": id, "status": "corrected", "valueString": "blödning"}
    assert (await doctor.put(f"/Observation/{id}", json=right, headers=context)).status_code == 200

    told = (await doctor.get(f"/Observation/{id}/_history")).json()["entry"]
    texts = [one["resource"]["valueString"] for one in told]
    moments = [one["resource"]["meta"]["lastUpdated"] for one in told]
    who = await engine.db.pool.fetch(
        "select activity, actor from access_log where $1 = any(patients) and activity in ('create', 'update') order by id",
        engine.keys.of(f"Patient/{patient}"),
    )

    assert texts == ["blödning", "ingen blödning"]
    assert moments == sorted(moments, reverse=True)
    assert (await doctor.get(f"/Observation/{id}/_history/1")).json()["valueString"] == "ingen blödning"
    by = "SE2321000016-person-1"
    assert [tuple(row) for row in who][-2:] == [("create", by), ("update", by)]


async def test_rec_05_what_is_deleted_stays_in_the_history(
    ward: Any, doctor: httpx2.AsyncClient, system: httpx2.AsyncClient, engine: Engine
) -> None:
    patient = await ward.patient()
    id = await ward.observation(patient, "rec-05", doctor, valueString="kvar")

    assert (await doctor.delete(f"/Observation/{id}", headers={"fvm-patient": patient})).status_code in (403, 405)
    deleted = await system.delete(f"/Observation/{id}")
    assert deleted.status_code in (200, 204), deleted.text
    assert (await doctor.get(f"/Observation/{id}")).status_code == 410
    assert (await doctor.get(f"/Observation/{id}/_history/1")).json()["valueString"] == "kvar"


async def test_prt_05_nothing_that_staff_take_along_has_an_address_of_a_protected_person(
    ward: Any, later: Any, engine: Engine
) -> None:
    protected = await ward.patient(
        name=[{"family": "Skyddad"}], address=[{"city": "Umeå"}], telecom=[{"system": "phone", "value": "090-1"}],
        meta={"security": [{"system": SECURITY, "code": "sekretessmarkering"}]},
    )  # fmt: skip
    await facts_of(engine, protected, relations=(Relation(NORRBY.unit, BEGUN, ENDS),))
    query = f'{{ Patient(id: "{protected}") {{ id address {{ city }} telecom {{ value }} }} }}'
    async with ward.client("staff", commission=NORRBY, scope="user/*.rs") as staff:
        answers = [
            await staff.get(f"/Patient/{protected}/$everything"),
            await staff.get(f"/Patient/{protected}/_history"),
            await staff.get(f"/Patient?_id={protected}&_revinclude=Observation:subject"),
            await staff.get("/$graphql", params={"query": query}),
        ]
        exported = await staff.get("/Patient/$export", headers=later.headers)

    assert [one.status_code for one in answers] == [200] * 4
    assert all(protected in one.text for one in answers)
    assert [one.text for one in answers if "Umeå" in one.text or "090-1" in one.text] == []
    assert exported.status_code == 403
