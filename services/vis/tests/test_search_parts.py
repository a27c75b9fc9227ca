"""_summary and _elements: parts of resources, marked as such, every digit as it was written; and _explain."""

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Resource encoded in summary mode",
}


async def one(client: httpx2.AsyncClient, search: str) -> dict[str, Any]:
    answer = await client.get(search)
    assert answer.status_code == 200, answer.text
    (entry,) = [e for e in json.loads(answer.text, parse_float=Decimal)["entry"] if e["search"]["mode"] == "match"]
    return dict(entry["resource"])


@pytest.fixture
async def observation(ward: Any) -> str:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">Zx</div>'
    part = {"code": {"text": "p"}, "valueQuantity": {"value": 1.10}, "interpretation": [{"text": "N"}]}
    return str(
        await ward.observation(
            await ward.patient(), text={"status": "generated", "div": div}, note=[{"text": "n"}], component=[part],
            valueQuantity={"value": 5.400}, meta={"tag": [{"code": "t"}]}, interpretation=[{"text": "high"}],
        )
    )  # fmt: skip


async def test_elements_are_those_asked_for_and_the_mandatory(bench: httpx2.AsyncClient, observation: str) -> None:
    found = await one(bench, f"/Observation?_id={observation}&_elements=valueQuantity,note")
    assert set(found) == {"resourceType", "id", "meta", "status", "code", "valueQuantity", "note"}
    assert found["meta"]["tag"] == [{"code": "t"}, SUBSETTED]
    assert found["meta"]["versionId"] == "1"
    whole = await bench.get(f"/Observation/{observation}")
    assert b"SUBSETTED" not in whole.content


async def test_a_number_in_a_part_keeps_its_digits(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    body = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/zid"},'
        '"valueQuantity":{"value":5.4000},"component":[{"code":{"text":"c"},"valueQuantity":{"value":1.10e-3}}]}'
    ).replace("zid", patient)
    made = await bench.post("/Observation", content=body, headers={"content-type": "application/fhir+json"})
    for part in ("_elements=valueQuantity,component", "_summary=true", "_summary=data"):
        answer = await bench.get(f"/Observation?_id={made.json()['id']}&{part}")
        assert b'"value":5.4000}' in answer.content, part
        assert b'"value":1.10e-3}' in answer.content, part


async def test_a_summary_has_what_the_definitions_say(bench: httpx2.AsyncClient, observation: str) -> None:
    of = f"/Observation?_id={observation}&_summary="
    found = await one(bench, of + "true")
    assert set(found) == {
        "resourceType", "id", "meta", "status", "code", "subject", "effectiveDateTime", "valueQuantity", "component",
    }  # fmt: skip
    assert set(found["component"][0]) == {"code", "valueQuantity"}
    assert SUBSETTED in found["meta"]["tag"]
    assert set(await one(bench, of + "text")) == {"resourceType", "id", "meta", "status", "code", "text"}
    data = await one(bench, of + "data")
    assert "text" not in data
    assert {"note", "interpretation", "component"} <= set(data)
    whole = await one(bench, of + "false")
    assert {"text", "note"} <= set(whole)
    assert whole["meta"]["tag"] == [{"code": "t"}]
    counted = (await bench.get(of + "count")).json()
    assert (counted["total"], "entry" in counted) == (1, False)


async def test_what_is_included_follows_the_summary_and_not_the_elements(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient(contact=[{"name": {"text": "x"}}], name=[{"family": "Zpart"}])
    await ward.observation(patient)

    async def included(part: str) -> dict[str, Any]:
        told = (await bench.get(f"/Observation?patient={patient}&_include=Observation:subject&{part}")).json()
        return dict(next(e["resource"] for e in told["entry"] if e["search"]["mode"] == "include"))

    assert "contact" in await included("_elements=status")
    summary = await included("_summary=true")
    assert "contact" not in summary
    assert "name" in summary


async def test_every_official_example_can_be_cut(bench: httpx2.AsyncClient, data_dir: Any) -> None:
    from fhircore.query import parse
    from fhirserver.bodies import minified
    from fhirserver.search.subset import cut_for

    seen = 0
    for file in sorted((data_dir / "r4-examples").glob("*.json")):
        raw = minified(file.read_bytes())
        name = json.loads(raw)["resourceType"]
        for part in (("_summary", "true"), ("_summary", "text"), ("_summary", "data"), ("_elements", "id")):
            cut = cut_for(parse(name, [part]))
            assert cut is not None
            found = json.loads(cut(raw, name))
            assert found["resourceType"] == name
            assert SUBSETTED in found["meta"]["tag"]
            assert set(found) - {"meta"} <= set(json.loads(raw))
            seen += 1
    assert seen > 400


async def test_the_plan_is_explained_to_systems_and_without_the_values(
    ward: Any, bench: httpx2.AsyncClient, doctor: httpx2.AsyncClient, system: httpx2.AsyncClient
) -> None:
    search = "/Patient?family=zhemlig&_explain=true"
    told = {one["name"]: one["valueString"] for one in (await bench.get(search)).json()["parameter"]}
    assert "see everything" in told["legal predicate"]
    assert "Total Cost" in told["plan"]
    mine = {one["name"]: one["valueString"] for one in (await system.get(search)).json()["parameter"]}
    assert mine["legal predicate"] == "r.lab = any($1::int[])"
    assert "lab = any(" in mine["statement"]
    assert "Cost" not in mine["plan"]
    for answer in (told, mine):
        assert "zhemlig" not in json.dumps(answer)
    assert (await doctor.get(search)).status_code == 403
    assert (await bench.get("/Patient?_explain=maybe")).status_code == 400


async def test_a_read_and_a_version_give_the_part_that_is_asked_for(
    bench: httpx2.AsyncClient, observation: str
) -> None:
    whole = (await bench.get(f"/Observation/{observation}")).json()
    for address in (f"/Observation/{observation}", f"/Observation/{observation}/_history/1"):
        part = await bench.get(f"{address}?_elements=valueQuantity")
        assert part.json()["meta"]["tag"][-1]["code"] == "SUBSETTED"
        assert set(part.json()) - {"meta"} <= {"resourceType", "id", "status", "code", "valueQuantity"}
        assert part.headers["etag"] == 'W/"1"'
        searched = (await bench.get(f"/Observation?_id={observation}&_summary=true")).json()["entry"][0]["resource"]
        assert (await bench.get(f"{address}?_summary=true")).json() == searched
        assert (await bench.get(f"{address}?_summary=false")).json() == whole
    assert (
        await bench.get(f"/Observation/{observation}?_summary=true", headers={"if-none-match": 'W/"1"'})
    ).status_code == 304
