"""What patients and staff decide holds everywhere: in VIS before the command returns, in the region, and in both directions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

Until = Callable[..., Awaitable[Any]]
People = dict[str, httpx2.AsyncClient]
NORR, ALMVIK, NORRBY = "SE0000000001-0001", "SE0000000001-1002", "SE0000000001-1001"
SHARING = [NORR, "SE0000000002-0001", "SE0000000003-0001"]
FHIR = {"content-type": "application/fhir+json"}
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"  # a demo patient with a sign-in of her own


@pytest.fixture(scope="module")
async def people(region: Any, bench: httpx2.AsyncClient) -> AsyncIterator[People]:
    """Anna of Norrby, Ida of Almvik (the same provider), Farid of another provider; all providers share."""
    answer = await bench.put("/information/access/rules", json={"sharing": SHARING})
    assert answer.status_code == 200, answer.text
    clients = {who: region.client(who) for who in ("anna", "ida", "farid")}
    yield clients
    for client in clients.values():
        await client.aclose()


async def act(
    client: httpx2.AsyncClient, patient: str, door: str, base: str = "/information", **body: Any
) -> dict[str, Any]:
    answer = await client.post(f"{base}/access/patients/{patient}/{door}", json={"id": str(uuid4()), **body})
    assert answer.status_code in (201, 202), answer.text
    return dict(answer.json())


@pytest.fixture
async def record(people: People, until: Until) -> tuple[str, str]:
    """A new patient and what Anna wrote about them, when the region has both."""
    anna = people["anna"]
    made = await anna.post(
        "/vis/fhir/Patient",
        headers=FHIR,
        json={"resourceType": "Patient", "name": [{"family": "Lag"}], "birthDate": "1960-05-01"},
    )
    assert made.status_code == 201, made.text
    patient = made.json()["id"]

    async def known() -> None:
        answer = await anna.get(f"/information/access/patients/{patient}")
        assert answer.status_code == 200, answer.text

    await until(known)
    await act(anna, patient, "relations", reason="Mottagning i dag")
    written = await anna.post(
        "/vis/fhir/Observation", headers={**FHIR, "fvm-patient": patient},
        json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{patient}"}},
    )  # fmt: skip
    assert written.status_code == 201, written.text
    observation = written.json()["id"]

    async def arrived() -> None:
        assert (await anna.get(f"/fhir/Observation/{observation}")).status_code == 200

    await until(arrived)
    return patient, observation


async def read(client: httpx2.AsyncClient, observation: str) -> list[tuple[int, str]]:
    """Status and reason of a read at VIS and at the region, at once."""
    found = []
    for base in ("/vis/fhir", "/fhir"):
        answer = await client.get(f"{base}/Observation/{observation}")
        codes = [
            coding["code"]
            for issue in (answer.json().get("issue") or [] if answer.status_code != 200 else [])
            for coding in issue.get("details", {}).get("coding", [])
        ]
        found.append((answer.status_code, codes[0] if codes else ""))
    return found


async def test_each_step_of_the_law_opens_at_both_doors_when_its_command_returns(
    people: People, record: tuple[str, str]
) -> None:
    patient, observation = record
    ida = people["ida"]
    assert await read(ida, observation) == [(403, "law/need-relation")] * 2
    await act(ida, patient, "relations", reason="Remiss från Norrby")
    assert await read(ida, observation) == [(403, "law/need-active-choice")] * 2
    assert (await act(ida, patient, "choices"))["at_vis"]
    assert await read(ida, observation) == [(200, "")] * 2


async def test_d9_a_block_is_in_force_in_vis_when_its_command_returns_and_lifted_as_fast(
    people: People, record: tuple[str, str]
) -> None:
    patient, observation = record
    ida, anna = people["ida"], people["anna"]
    await act(ida, patient, "relations", reason="Remiss från Norrby")
    await act(ida, patient, "choices")
    block = await act(anna, patient, "blocks", kind="inner", provider=NORR, unit=NORRBY)
    assert block["at_vis"]
    assert await read(ida, observation) == [(403, "law/blocked")] * 2
    assert await read(anna, observation) == [(200, "")] * 2  # BLK-06
    door = f"blocks/{block['id']}/lift"
    await act(ida, patient, door, reason="Medvetslös", ground="emergency", confirmed=True)
    assert await read(ida, observation) == [(200, "")] * 2


async def test_con_04_a_consent_opens_another_providers_facts_for_the_unit_that_reads(
    people: People, record: tuple[str, str]
) -> None:
    patient, observation = record
    farid = people["farid"]
    await act(farid, patient, "relations", reason="Listad hos oss")
    assert await read(farid, observation) == [(403, "law/need-consent")] * 2
    consent = await act(farid, patient, "consents")
    assert await read(farid, observation) == [(200, "")] * 2
    await act(farid, patient, f"acts/{consent['id']}/end", reason="Patienten ångrade sig")
    assert await read(farid, observation) == [(403, "law/need-consent")] * 2


async def test_emg_05_an_emergency_taken_at_vis_is_adopted_by_the_region_with_its_own_time(
    people: People, record: tuple[str, str], until: Until
) -> None:
    patient, observation = record
    farid = people["farid"]
    taken = await act(farid, patient, "emergencies", "/vis", reason="Medvetslös", ground="life", confirmed=True)
    assert (await farid.get(f"/vis/fhir/Observation/{observation}")).status_code == 200

    async def adopted() -> None:
        acts = (await farid.get(f"/information/access/patients/{patient}/acts")).json()
        mine = [one["act"] for one in acts if one["act"]["id"] == taken["id"]]
        assert [one["at"] for one in mine] == [taken["at"]]
        assert (await farid.get(f"/fhir/Observation/{observation}")).status_code == 200

    await until(adopted)


async def test_emg_04_an_emergency_is_reviewed_by_the_manager_and_read_by_the_patient_in_the_log(
    region: Any, people: People, until: Until
) -> None:
    """EMG-01a, EMG-04, LOG-12: Farid of another provider opens what Anna wrote about Stina, who then reads that he did."""
    anna, farid = people["anna"], people["farid"]
    await act(anna, STINA, "relations", reason="Mottagning i dag")
    written = await anna.post(
        "/vis/fhir/Observation", headers={**FHIR, "fvm-patient": STINA},
        json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{STINA}"}},
    )  # fmt: skip
    observation = written.json()["id"]

    async def arrived() -> None:
        assert (await anna.get(f"/fhir/Observation/{observation}")).status_code == 200

    await until(arrived)
    assert await read(farid, observation) == [(403, "law/need-relation")] * 2
    emergency = {"reason": "Medvetslös på akuten", "ground": "life", "hours": 1}
    once = await farid.post(
        f"/information/access/patients/{STINA}/emergencies", json={"id": str(uuid4()), **emergency, "confirmed": False}
    )
    assert (once.status_code, "not-confirmed" in once.text) == (422, True)
    opened = await act(farid, STINA, "emergencies", **emergency, confirmed=True)
    assert await read(farid, observation) == [(200, "")] * 2

    async with region.client("stina") as stina, region.client("margareta") as margareta:
        waiting = await margareta.get("/information/access/tasks")  # another provider's manager: not hers to review
        assert opened["id"] not in {task["act"] for task in waiting.json()}

        async def told() -> None:
            log = (await stina.get("/information/log/mine?count=200")).json()
            mine = [one for one in log["accesses"] if one["activityType"] == "Nödöppning"]
            assert any(one["careProvider"]["id"] == SHARING[1] for one in mine)

        await until(told)
        await act(anna, STINA, "emergencies", **emergency, confirmed=True)
        tasks = [task for task in (await margareta.get("/information/access/tasks")).json() if task["patient"] == STINA]
        assert {task["kind"] for task in tasks} >= {"review", "patient-notice"}
        review = next(task for task in tasks if task["kind"] == "review")
        done = {"outcome": "done", "note": "Befogat: patienten var medvetslös"}
        assert (await margareta.post(f"/information/access/tasks/{review['id']}/answer", json=done)).status_code == 200
        assert (await anna.post(f"/information/access/tasks/{review['id']}/answer", json=done)).status_code in (
            403,
            404,
        )
        left = {task["id"] for task in (await margareta.get("/information/access/tasks")).json()}
        assert review["id"] not in left
    await act(farid, STINA, f"acts/{opened['id']}/end", reason="Hon är vaken")  # other journeys meet her as she was
    assert await read(farid, observation) == [(403, "law/need-relation")] * 2
