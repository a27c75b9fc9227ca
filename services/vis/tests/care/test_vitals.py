"""Vital signs at VIS's own door: written whole with their NEWS2, once per id, refused by field, corrected with both kept."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from kit.caller import Commission

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Sjuksköterska")
KINDS = {
    "id": "valueId", "replaces": "valueId", "at": "valueDateTime", "oxygen": "valueBoolean",
    "consciousness": "valueCode", "temperature": "valueDecimal",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "respirations": 22, "spo2": 93, "oxygen": False, "systolic": 104, "diastolic": 62, "pulse": 96,
    "consciousness": "A", "temperature": 38.4,
}  # fmt: skip  # 2 + 2 + 0 + 1 + 1 + 0 + 1


def asked(**values: Any) -> dict[str, Any]:
    listed = [{"name": name, KINDS.get(name, "valueInteger"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": listed}


@pytest.fixture
async def nurse(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-NORA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


async def record(who: httpx2.AsyncClient, patient: str, context: str = "", **values: Any) -> httpx2.Response:
    headers = {"fvm-patient": context or patient}
    return await who.post(f"/Patient/{patient}/$record-vitals", json=asked(**values), headers=headers)


async def observed(nurse: httpx2.AsyncClient, patient: str, **more: str) -> dict[str, Any]:
    """What is stored about the patient, by its code's text; `status` other than final counts too."""
    answer = await nurse.get("/Observation", params={"patient": patient, "_count": "100", **more})
    return {one["resource"]["code"]["text"]: one["resource"] for one in answer.json().get("entry", ())}


def points(news2: Any) -> dict[str, int | None]:
    return {part["code"]["coding"][0]["code"]: part.get("valueInteger") for part in news2["component"]}


async def test_a_whole_set_is_written_with_its_score_and_the_points_of_each(ward: Any, nurse: Any) -> None:
    patient, panel = await ward.patient(birthDate="1948-03-17"), str(uuid4())
    answer = await record(nurse, patient, id=panel, **WHOLE)
    assert (answer.status_code, answer.json()["id"], answer.json()["valueInteger"]) == (201, panel, 7), answer.text
    assert points(answer.json()) == {
        "respirations": 2, "spo2": 2, "oxygen": 0, "systolic": 1, "pulse": 1, "consciousness": 0, "temperature": 1,
        "scale": 1,
    }  # fmt: skip
    assert answer.json()["performer"][0]["identifier"]["value"] == "SE-NORA"
    found = await observed(nurse, patient)
    assert set(found) == {
        "NEWS2", "Andningsfrekvens", "Syremättnad (SpO2)", "Blodtryck", "Puls", "Kroppstemperatur", "Syrgas",
        "Medvetandegrad",
    }  # fmt: skip
    assert found["Kroppstemperatur"]["valueQuantity"] == {
        "value": 38.4, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel",
    }  # fmt: skip
    assert [part["valueQuantity"]["value"] for part in found["Blodtryck"]["component"]] == [104, 62]
    members = {one["reference"] for one in answer.json()["hasMember"]}
    assert members == {f"Observation/{one['id']}" for name, one in found.items() if name != "NEWS2"}


async def test_each_value_says_which_way_it_gives_points(ward: Any, nurse: Any) -> None:
    def judged(one: Any) -> str:
        return str(one["interpretation"][0]["coding"][0]["code"]) if "interpretation" in one else ""

    patient = await ward.patient()
    await record(nurse, patient, id=str(uuid4()), **WHOLE | {"respirations": 9, "consciousness": "V"})
    found = {name: judged(one) for name, one in (await observed(nurse, patient)).items()}
    assert found == {
        "Andningsfrekvens": "L", "Syremättnad (SpO2)": "L", "Blodtryck": "L", "Puls": "H", "Kroppstemperatur": "H",
        "Medvetandegrad": "A", "Syrgas": "", "NEWS2": "AA",
    }  # fmt: skip
    second = await ward.patient()
    await record(nurse, second, id=str(uuid4()), **WHOLE | {"oxygen": True, "spo2": 97, "scale": 2, "pulse": 70})
    found = {name: judged(one) for name, one in (await observed(nurse, second)).items()}
    assert (found["Syremättnad (SpO2)"], found["Puls"], found["Medvetandegrad"]) == ("H", "N", "N")
    child = await ward.patient(birthDate="2020-01-01")
    await record(nurse, child, id=str(uuid4()), **WHOLE)
    assert {judged(one) for one in (await observed(nurse, child)).values()} == {""}


async def test_two_corrections_of_one_set_at_once_leave_one(ward: Any, nurse: Any) -> None:
    patient, wrong = await ward.patient(), str(uuid4())
    await record(nurse, patient, id=wrong, pulse=196)
    sent = (record(nurse, patient, id=str(uuid4()), replaces=wrong, pulse=96) for _ in range(6))
    answers = await asyncio.gather(*sent)
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409, 409, 409]
    assert len(await ward.ids(f"/Observation?patient={patient}&status=final")) == 2


async def test_the_same_set_sent_many_times_is_stored_once(ward: Any, nurse: Any) -> None:
    patient, panel = await ward.patient(), str(uuid4())
    answers = await asyncio.gather(*(record(nurse, patient, id=panel, **WHOLE) for _ in range(6)))
    assert {one.status_code for one in answers} <= {200, 201}, [one.text for one in answers]
    assert len(await ward.ids(f"/Observation?patient={patient}&_count=100")) == 8
    taken = await record(nurse, await ward.patient(), id=panel, pulse=70)
    assert taken.status_code == 409


async def test_what_is_missing_leaves_no_number_and_is_never_normal(ward: Any, nurse: Any) -> None:
    patient = await ward.patient()
    news2 = (await record(nurse, patient, id=str(uuid4()), respirations=28, spo2=88)).json()
    assert "valueInteger" not in news2
    assert news2["dataAbsentReason"]["text"] == "Ofullständig"
    assert points(news2) == {
        "respirations": 3, "spo2": 3, "oxygen": None, "systolic": None, "pulse": None, "consciousness": None,
        "temperature": None, "scale": 1,
    }  # fmt: skip
    assert set(await observed(nurse, patient)) == {"NEWS2", "Andningsfrekvens", "Syremättnad (SpO2)"}


async def test_new_confusion_and_oxygen_on_scale_2(ward: Any, nurse: Any) -> None:
    patient = await ward.patient()
    values = WHOLE | {"consciousness": "C", "oxygen": True, "spo2": 97, "scale": 2}
    news2 = (await record(nurse, patient, id=str(uuid4()), **values)).json()
    found = points(news2)
    assert (found["spo2"], found["oxygen"], found["consciousness"], found["scale"]) == (3, 2, 3, 2)
    assert news2["valueInteger"] == 13


async def test_a_child_gets_no_score(ward: Any, nurse: Any) -> None:
    patient = await ward.patient(birthDate="2020-01-01")
    news2 = (await record(nurse, patient, id=str(uuid4()), **WHOLE)).json()
    assert ("valueInteger" in news2, news2["dataAbsentReason"]["text"]) == (False, "NEWS2 gäller från 16 år")
    assert "component" not in news2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("respirations", 100), ("respirations", -1), ("spo2", 101), ("spo2", 9), ("systolic", 301), ("systolic", 12),
        ("pulse", 301), ("temperature", 46), ("temperature", 12), ("temperature", 37.25), ("consciousness", "X"),
        ("scale", 3), ("diastolic", 110), ("spo2", "96"), ("oxygen", "ja"), ("pulse", True),
    ],
)  # fmt: skip
async def test_an_impossible_value_is_refused_by_its_field_and_nothing_is_stored(
    ward: Any, nurse: Any, field: str, value: Any
) -> None:
    patient = await ward.patient()
    answer = await record(nurse, patient, id=str(uuid4()), **(WHOLE | {"scale": 1, field: value}))
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == [field]
    assert await observed(nurse, patient) == {}


async def test_a_diastolic_pressure_alone_and_no_values_at_all_are_refused(ward: Any, nurse: Any) -> None:
    patient = await ward.patient()
    assert (await record(nurse, patient, id=str(uuid4()), diastolic=70)).status_code == 400
    assert (await record(nurse, patient, id=str(uuid4()))).status_code == 400
    assert (await record(nurse, patient, pulse=70)).status_code == 400  # without an id it could be stored twice
    assert (await record(nurse, patient, id=str(uuid4()), pulse=70, at="2099-01-01T08:00:00Z")).status_code == 400
    assert (await record(nurse, patient, id=str(uuid4()), pulse=70, at="2026-01-01T08:00:00")).status_code == 400


async def test_a_mistyped_set_is_replaced_once_and_both_stay_in_the_record(ward: Any, nurse: Any) -> None:
    patient, wrong, right = await ward.patient(), str(uuid4()), str(uuid4())
    await record(nurse, patient, id=wrong, **(WHOLE | {"pulse": 196}))
    done = await record(nurse, patient, id=right, replaces=wrong, **WHOLE)
    assert (done.status_code, done.json()["id"]) == (201, right), done.text
    again = await record(nurse, patient, id=right, replaces=wrong, **WHOLE)
    assert (again.status_code, again.json()["id"]) == (200, right)
    other = await record(nurse, patient, id=str(uuid4()), replaces=wrong, **WHOLE)
    assert (other.status_code, "redan rättad" in other.text) == (409, True)
    errors = await ward.ids(f"/Observation?patient={patient}&status=entered-in-error&_count=100")
    assert len(errors) == 8
    assert wrong in errors
    assert len(await ward.ids(f"/Observation?patient={patient}&status=final&_count=100")) == 8


async def test_a_set_on_the_wrong_patient_is_withdrawn_without_another(ward: Any, nurse: Any) -> None:
    patient, panel = await ward.patient(), str(uuid4())
    await record(nurse, patient, id=panel, **WHOLE)
    gone = await record(nurse, patient, replaces=panel)
    assert (gone.status_code, gone.json()["id"], gone.json()["status"]) == (200, panel, "entered-in-error")
    assert await ward.ids(f"/Observation?patient={patient}&status=final") == []


async def test_another_patients_set_is_not_replaced(ward: Any, nurse: Any) -> None:
    patient, other, panel = await ward.patient(), await ward.patient(), str(uuid4())
    await record(nurse, other, id=panel, **WHOLE)
    assert (await record(nurse, patient, id=str(uuid4()), replaces=panel, **WHOLE)).status_code == 409
    assert (await record(nurse, patient, context=other, id=str(uuid4()), **WHOLE)).status_code == 403
    assert await observed(nurse, patient) == {}


async def test_it_belongs_to_the_stay_at_the_unit(ward: Any, nurse: Any) -> None:
    patient, stay = await ward.patient(), str(uuid4())
    bed = await ward.add(
        {"resourceType": "Location", "name": "Plats 1", "physicalType": {"coding": [{"code": "bd"}]},
         "managingOrganization": {"reference": f"Organization/{NORRBY.unit}"}}
    )  # fmt: skip
    body = asked(id=stay)
    body["parameter"].append({"name": "bed", "valueId": bed})
    admitted = await nurse.post(f"/Patient/{patient}/$admit", json=body, headers={"fvm-patient": patient})
    assert admitted.status_code == 201, admitted.text
    news2 = (await record(nurse, patient, id=str(uuid4()), **WHOLE)).json()
    assert news2["encounter"] == {"reference": f"Encounter/{stay}"}


async def test_a_system_records_no_vitals_here(ward: Any, system: httpx2.AsyncClient) -> None:
    assert (await record(system, await ward.patient(), id=str(uuid4()), **WHOLE)).status_code == 403
