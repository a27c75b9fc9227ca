"""Who may do the acts of care at all, asked of every operation that VIS brings: by their callers, not one by one."""

from typing import Any

import pytest

from kit.caller import Commission
from vis.care.elsewhere import alone
from vis.care.mounting import operations
from vis.care.places import nowhere

ANNA = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
FOLLOWS = Commission(
    "c-9",
    "SE0000000001-N1",
    "Norrby",
    "SE0000000001-N",
    "Region Norr",
    "Läkare",
    "quality",
    frozenset(("record.population",)),
)
BROUGHT = operations(nowhere, alone)


def address(type_name: str, name: str, id: str) -> str:
    return f"/{type_name}/{name}" if BROUGHT[type_name, name].of_type else f"/{type_name}/{id}/{name}"


async def test_who_follows_care_up_reads_what_their_provider_wrote_and_changes_nothing_of_it(ward: Any) -> None:
    """PDL 2:4, ACC-10: quality, administration, planning and statistics are no care."""
    patient = await ward.patient(birthDate="1980-05-01")
    context, said = {"fvm-patient": patient}, [{"name": "reason", "valueString": "Granskning"}]
    value = {"resourceType": "Observation", "status": "final", "code": {"text": "CRP"}, "valueString": "12",
             "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=ANNA) as anna:
        id = await ward.add(value, anna, **context)
        async with ward.client("staff", subject="SE-UPP", scope="user/*.cruds", commission=FOLLOWS) as who:
            assert (await who.get(f"/Observation/{id}", headers=context)).status_code == 200
            body = {"resourceType": "Parameters", "parameter": said}
            kept = await who.post(f"/Observation/{id}/$withhold-from-patient", json=body, headers=context)
            assert kept.status_code == 403, kept.text
            over = await who.put(f"/Observation/{id}", json=value | {"id": id, "valueString": "99"}, headers=context)
            assert over.status_code == 403, over.text
            assert (await who.post("/Observation", json=value, headers=context)).status_code == 403
        stands = (await anna.get(f"/Observation/{id}", headers=context)).json()
        assert (stands["valueString"], stands["meta"]["versionId"]) == ("12", "1")


@pytest.mark.parametrize(("type_name", "name"), sorted(BROUGHT))
async def test_neither_who_follows_care_up_nor_a_system_does_an_act_of_care(
    ward: Any, type_name: str, name: str
) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    follower = ward.client("staff", subject="SE-UPP", scope="user/*.cruds", commission=FOLLOWS)
    system = ward.client("system", subject="lab", scope="system/*.cruds", commission=FOLLOWS)
    for client in (follower, system):
        async with client as who:
            path = address(type_name, name, patient if type_name == "Patient" else "none")
            answer = await who.post(path, json={"resourceType": "Parameters"}, headers={"fvm-patient": patient})
            assert answer.status_code in (400, 403, 404), (path, answer.text[:300])
            if answer.status_code != 403:
                assert not await ward.ids(f"/Task?patient={patient}"), "nothing is made"


@pytest.mark.parametrize(("type_name", "name"), sorted(one for one in BROUGHT if not BROUGHT[one].patients))
async def test_a_patients_token_does_no_act_that_is_staffs(ward: Any, type_name: str, name: str) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.cruds") as me:
        path = address(type_name, name, patient if type_name == "Patient" else "none")
        answer = await me.post(path, json={"resourceType": "Parameters"})
        assert answer.status_code == 403, (path, answer.text[:300])
