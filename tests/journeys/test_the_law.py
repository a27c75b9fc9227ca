"""Staff see what their own care provider has written, patients see what is theirs, and every look leaves a row in the log."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

Until = Callable[..., Awaitable[Any]]
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"  # a demo patient with a sign-in of her own
ANNA, FARID = "SE0000000001-P001", "SE0000000002-P003"  # doctors of two care providers
DOORS = ("/vis/fhir", "/fhir")
People = dict[str, httpx2.AsyncClient]


@pytest.fixture(scope="module")
async def people(region: Any) -> AsyncIterator[People]:
    clients = {who: region.client(who) for who in ("anna", "bjorn", "farid", "stina", "gustav")}
    yield clients
    for client in clients.values():
        await client.aclose()


@pytest.fixture(scope="module")
async def note(people: People, until: Until) -> str:
    """The id of a fact that Anna of Region Norr wrote about Stina, when it has reached the region's record. Anna has attested
    that her unit takes part in Stina's care."""
    attested = await people["anna"].post(
        f"/information/access/patients/{STINA}/relations",
        json={"id": str(uuid4()), "reason": "Besök utan bokning", "days": 1},
    )
    assert attested.status_code == 201, attested.text
    made = await people["anna"].post(
        "/vis/fhir/Observation",
        headers={"content-type": "application/fhir+json", "fvm-patient": STINA},
        json={
            "resourceType": "Observation", "status": "final", "code": {"text": f"Anteckning {uuid4().hex}"},
            "subject": {"reference": f"Patient/{STINA}"},
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    id = made.headers["location"].split("/Observation/")[1].split("/")[0]

    async def arrived() -> None:
        assert (await people["anna"].get(f"/fhir/Observation/{id}")).status_code == 200

    await until(arrived)
    return str(id)


async def seen(client: httpx2.AsyncClient, base: str, id: str) -> tuple[int, list[str], int]:
    """Status of a read, the ids of a search of Stina's observations, and its total."""
    read = await client.get(f"{base}/Observation/{id}")
    bundle = (
        await client.get(f"{base}/Observation", params={"patient": STINA, "_count": 1000, "_total": "accurate"})
    ).json()
    return (
        read.status_code,
        [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"],
        bundle["total"],
    )


@pytest.mark.parametrize("base", DOORS)
async def test_colleagues_of_the_same_provider_see_the_fact(people: People, note: str, base: str) -> None:
    for who in ("anna", "bjorn"):
        status, ids, total = await seen(people[who], base, note)
        assert (status, note in ids, total) == (200, True, len(ids))


@pytest.mark.parametrize("base", DOORS)
async def test_staff_of_another_provider_are_shown_nothing_of_it(people: People, note: str, base: str) -> None:
    """The providers share, so that it needs a relation and a consent may be said (403), and nothing more."""
    status, ids, total = await seen(people["farid"], base, note)
    assert (status, note in ids, total) == (403, False, len(ids))
    history = await people["farid"].get(f"{base}/Observation/{note}/_history")
    version = await people["farid"].get(f"{base}/Observation/{note}/_history/1")
    everything = await people["farid"].get(f"{base}/Patient/{STINA}/$everything")
    assert (history.status_code, version.status_code) == (404, 403)
    assert note not in everything.text
    counted = await people["farid"].get(f"{base}/Observation", params={"_id": note, "_summary": "count"})
    assert counted.json()["total"] == 0
    refusal = await people["farid"].get(f"{base}/Observation/{note}")
    assert ("law/need-relation" in refusal.text, "Anteckning" in refusal.text) == (True, False)


async def test_who_has_two_commissions_sees_with_the_one_that_is_chosen(region: Any, note: str) -> None:
    for commission, status in (("SE0000000001-C003", 200), ("SE0000000002-C003", 403)):
        async with region.client("carin", commission) as carin:
            assert (await carin.get(f"/fhir/Observation/{note}")).status_code == status


async def test_patients_see_their_own_facts_and_nobody_elses(people: People, note: str) -> None:
    status, ids, total = await seen(people["stina"], "/fhir", note)
    assert (status, note in ids, total) == (200, True, len(ids))
    status, ids, total = await seen(people["gustav"], "/fhir", note)
    assert (status, ids, total) == (404, [], 0)
    others = (await people["stina"].get("/fhir/Patient", params={"_count": 1000})).json()
    assert [entry["resource"]["id"] for entry in others["entry"]] == [STINA]


async def test_patients_write_at_no_fhir_door_and_staff_write_about_the_patient_in_context_only(people: People) -> None:
    body = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{STINA}"},
    }  # fmt: skip
    headers = {"content-type": "application/fhir+json"}
    refused = await people["stina"].post("/vis/fhir/Observation", headers=headers, json=body)
    without = await people["anna"].post("/vis/fhir/Observation", headers=headers, json=body)
    another = await people["anna"].post(
        "/vis/fhir/Observation", headers={**headers, "fvm-patient": str(uuid4())}, json=body
    )
    at_the_record = await people["anna"].post("/fhir/Observation", headers={**headers, "fvm-patient": STINA}, json=body)
    assert refused.status_code in (401, 403)
    assert without.status_code == 403
    assert another.status_code in (403, 422)
    assert (at_the_record.status_code, "/vis/fhir" in at_the_record.text) == (405, True)


@pytest.mark.parametrize(("service", "base"), [("vis", "/vis/fhir"), ("information", "/fhir")])
async def test_every_look_at_a_patient_leaves_a_row_in_the_log(
    region: Any, people: People, note: str, service: str, base: str
) -> None:
    database = await region.database(service)
    rows = "select activity, returned, cardinality(patients) as patients from access_log where actor = $1 and id > $2 order by id"
    try:
        last = await database.fetchval("select coalesce(max(id), 0) from access_log")
        await people["anna"].get(f"{base}/Observation/{note}")
        await people["anna"].get(f"{base}/Observation", params={"patient": STINA, "_count": 1})
        await people["farid"].get(f"{base}/Observation", params={"patient": STINA})
        annas = await database.fetch(rows, ANNA, last)
        farids = await database.fetch(rows, FARID, last)
    finally:
        await database.close()
    assert [row["activity"] for row in annas] == ["read", "search"]
    assert [row["returned"] for row in annas] == [1, 1]
    assert all(row["patients"] >= 1 for row in annas)
    assert [row["activity"] for row in farids] == ["search"]
