"""Searches over many types and in a patient's compartment (http://hl7.org/fhir/R4/http.html#search)."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from kit.caller import Commission


def ref(type_name: str, id: str) -> dict[str, str]:
    return {"reference": f"{type_name}/{id}"}


async def refs(client: httpx2.AsyncClient, search: str, mode: str = "match") -> list[str]:
    answer = await client.get(search)
    assert answer.status_code == 200, answer.text
    return [
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in answer.json().get("entry", [])
        if e["search"]["mode"] == mode
    ]


@pytest.fixture
async def chart(ward: Any) -> dict[str, str]:
    """A patient with an observation, a condition and an encounter, performed by somebody, and one thing that concerns them."""
    patient, other = await ward.patient(name=[{"family": "Zchart"}]), await ward.patient()
    tag = {"tag": [{"system": "urn:zchart", "code": patient}]}
    doctor = await ward.add({"resourceType": "Practitioner", "name": [{"family": "Zdoc"}]})
    encounter = await ward.add(
        {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": ref("Patient", patient),
         "period": {"start": "2026-02-01T08:00:00Z"}, "meta": tag, "participant": [{"individual": ref("Practitioner", doctor)}]}
    )  # fmt: skip
    observation = await ward.observation(
        patient, meta=tag, encounter=ref("Encounter", encounter), effectiveDateTime="2026-02-03"
    )
    condition = await ward.add(
        {"resourceType": "Condition", "subject": ref("Patient", patient), "meta": tag, "onsetDateTime": "2026-02-02",
         "recordedDate": "2026-02-02"}
    )  # fmt: skip
    concerning = await ward.observation(other, performer=[ref("Patient", patient)])
    return {
        "patient": patient, "Encounter": encounter, "Observation": observation, "Condition": condition, "doctor": doctor,
        "concerning": concerning,
    }  # fmt: skip


async def test_many_types_are_searched_at_once(ward: Any, bench: httpx2.AsyncClient, chart: dict[str, str]) -> None:
    tag = f"urn:zchart|{chart['patient']}"
    mine = {f"{name}/{chart[name]}" for name in ("Encounter", "Observation", "Condition")}
    assert set(await refs(bench, f"/?_tag={tag}")) == mine
    assert set(await refs(bench, f"/?_tag={tag}&_type=Observation,Condition")) == mine - {
        f"Encounter/{chart['Encounter']}"
    }
    assert set(await refs(bench, f"/?_type=Observation,Condition,Encounter&patient={chart['patient']}")) == mine
    assert await refs(bench, f"/?_type=Observation&patient={chart['patient']}&code=718-7") == [
        f"Observation/{chart['Observation']}"
    ]
    told = (await bench.get(f"/?_tag={tag}&_summary=count")).json()
    assert told["total"] == 3
    posted = await bench.post("/_search", data={"_tag": tag, "_type": "Condition"})
    assert [e["resource"]["id"] for e in posted.json()["entry"]] == [chart["Condition"]]
    brought = await refs(
        bench,
        f"/?_tag={tag}&_type=Encounter&_include=Encounter:participant&_revinclude=Observation:encounter",
        "include",
    )
    assert sorted(brought) == [f"Observation/{chart['Observation']}", f"Practitioner/{chart['doctor']}"]
    for wrong in ("_type=Nonsense", "_type=Observation,Patient&code=1", "code=1", "_type=Observation&nonsense=1"):
        assert (await bench.get(f"/?{wrong}")).status_code == 400, wrong
    assert (await bench.put("/_search", json={})).status_code == 404  # no type of that name
    assert (await bench.put("/", json={})).status_code == 405


@pytest.mark.parametrize("sort", ["", "&_sort=_lastUpdated", "&_sort=-_id", "&_sort=_id", "&_sort=_lastUpdated,-_id"])
async def test_pages_over_many_types_go_both_ways(bench: httpx2.AsyncClient, chart: dict[str, str], sort: str) -> None:
    search = f"/?_tag=urn:zchart|{chart['patient']}{sort}"
    whole = await refs(bench, search)
    assert len(whole) == 3
    there, back, url = [], [], f"{search}&_count=1"
    while url:
        page = (await bench.get(url)).json()
        there.append(page["entry"][0]["resource"]["id"])
        last, url = url, link(page, "next")
    url = last
    while url:
        page = (await bench.get(url)).json()
        back.append(page["entry"][0]["resource"]["id"])
        url = link(page, "previous")
    assert [ref.split("/")[1] for ref in whole] == there == back[::-1]


def link(page: dict[str, Any], relation: str) -> str:
    return next((one["url"] for one in page["link"] if one["relation"] == relation), "")


async def test_a_token_for_some_types_searches_those_and_no_others(ward: Any, chart: dict[str, str]) -> None:
    search = f"/?_tag=urn:zchart|{chart['patient']}"
    commission = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
    async with ward.client("staff", scope="user/Observation.rs", commission=commission) as some:
        assert await refs(some, search) == [f"Observation/{chart['Observation']}"]
        assert (await some.get(f"{search}&_type=Condition")).status_code == 403
        assert await refs(some, f"/Patient/{chart['patient']}/*") == [
            f"Observation/{id}"
            for id in sorted((chart["Observation"], chart["concerning"]), key=lambda id: id == chart["Observation"])
        ]
        assert (await some.get(f"/Patient/{chart['patient']}/Condition")).status_code == 403
        assert (await some.get(f"/Observation?_list={chart['patient']}")).status_code == 403
        assert (await some.get("/Observation?_filter=" + quote("patient.name eq x"))).status_code == 403
        assert await refs(some, f"{search}&_include=*&_include:iterate=*", "include") == []
    async with ward.client("staff", scope="user/Observation.c", commission=commission) as none:
        assert (await none.get(search)).status_code == 403


async def test_the_compartment_of_a_patient_is_what_is_about_or_concerns_them(
    ward: Any, bench: httpx2.AsyncClient, chart: dict[str, str]
) -> None:
    of = f"/Patient/{chart['patient']}"
    mine = [chart["Observation"], chart["concerning"]]
    assert sorted(await refs(bench, f"{of}/Observation")) == sorted(f"Observation/{id}" for id in mine)
    assert await refs(bench, f"{of}/Observation?date=2026-02-03") == [f"Observation/{chart['Observation']}"]
    assert await refs(bench, f"{of}/Observation?code=http://loinc.org|718-7&date=2026-02-03") == [
        f"Observation/{chart['Observation']}"
    ]
    assert await refs(bench, f"{of}/Condition") == [f"Condition/{chart['Condition']}"]
    everything = {f"{name}/{chart[name]}" for name in ("Encounter", "Observation", "Condition")}
    everything |= {f"Observation/{chart['concerning']}", f"Patient/{chart['patient']}"}
    assert set(await refs(bench, f"{of}/*")) == everything
    assert set(await refs(bench, f"{of}/*?_type=Condition,Encounter")) == {
        f"{name}/{chart[name]}" for name in ("Encounter", "Condition")
    }
    assert (await bench.get(f"{of}/*?_summary=count")).json()["total"] == len(everything)
    posted = await bench.post(f"{of}/Observation/_search", data={"_sort": "date", "_total": "accurate"})
    assert posted.json()["total"] == 2
    page = (await bench.get(f"{of}/*?_count=2")).json()
    assert f"{of}/*" in link(page, "next")
    assert await refs(bench, "/Patient/never/Observation") == []
    for address, status in (
        (f"{of}/Organization", 404), (f"{of}/Nonsense", 404), (f"{of}/Observation?nonsense=1", 400), (f"{of}/*?_type=Organization", 400),
        (f"{of}/Observation/x", 405), ("/Patient/a_b/Observation", 400),
    ):  # fmt: skip
        assert (await bench.get(address)).status_code == status, address


async def test_includes_follow_what_was_included(ward: Any, bench: httpx2.AsyncClient, chart: dict[str, str]) -> None:
    of = f"/Observation?_id={chart['Observation']}&_include=Observation:encounter"
    encounter, doctor = f"Encounter/{chart['Encounter']}", f"Practitioner/{chart['doctor']}"
    assert await refs(bench, of, "include") == [encounter]
    assert sorted(await refs(bench, f"{of}&_include:iterate=Encounter:participant", "include")) == [encounter, doctor]
    assert sorted(await refs(bench, f"{of}&_include:iterate=Encounter:participant:Practitioner", "include")) == [
        encounter,
        doctor,
    ]
    assert await refs(bench, f"{of}&_include:iterate=Encounter:participant:RelatedPerson", "include") == [encounter]
    assert await refs(bench, f"{of}&_include=Observation:subject:Group", "include") == [encounter]
    house = await ward.add({"resourceType": "Organization", "name": "Zhouse"})
    below = [house]
    for number in range(3):
        below.append(
            await ward.add(
                {"resourceType": "Organization", "name": f"Z{number}", "partOf": ref("Organization", below[-1])}
            )
        )
    up = f"/Organization?_id={below[-1]}&_include:iterate=Organization:partof"
    assert sorted(await refs(bench, up, "include")) == sorted(f"Organization/{id}" for id in below[:-1])
    down = f"/Organization?_id={house}&_revinclude:iterate=Organization:partof"
    assert sorted(await refs(bench, down, "include")) == sorted(f"Organization/{id}" for id in below[1:])
    assert len(await refs(bench, down.replace(":iterate", ""), "include")) == 1
    loop = f"/Organization?_id={house}&_revinclude:iterate=*&_include:iterate=*"
    assert sorted(await refs(bench, loop, "include")) == sorted(f"Organization/{id}" for id in below[1:])


async def test_everything_that_refers_to_a_row_can_be_included(
    bench: httpx2.AsyncClient, chart: dict[str, str]
) -> None:
    found = await refs(bench, f"/Patient?_id={chart['patient']}&_revinclude=*", "include")
    mine = {f"{name}/{chart[name]}" for name in ("Encounter", "Observation", "Condition")}
    assert set(found) == mine | {f"Observation/{chart['concerning']}"}
    assert len(found) == len(set(found))
    assert await refs(bench, f"/Practitioner?_id={chart['doctor']}&_revinclude=*", "include") == [
        f"Encounter/{chart['Encounter']}"
    ]
