"""$graphql at VIS's door: reads that follow references and searches, under the same law and log as every read."""

import json
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine


async def ask(by: httpx2.AsyncClient, query: str, at: str = "", **more: Any) -> dict[str, Any]:
    answer = await by.post(f"{at}/$graphql", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json()["data"])


async def test_a_resource_is_asked_with_what_it_refers_to_and_what_refers_to_it(
    bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient(name=[{"family": "Grafsson"}])
    observation = await ward.observation(patient, valueQuantity={"value": 1.50, "unit": "mmol/L"})
    text = "{id subject {resource {... on Patient {name {family}}}} valueQuantity {value}}"
    found = await ask(bench, text, f"/Observation/{observation}")
    assert found["subject"]["resource"] == {"name": [{"family": "Grafsson"}]}
    back = await ask(bench, "{ObservationList(_reference: subject, _count: 5) {id}}", f"/Patient/{patient}")
    assert back == {"ObservationList": [{"id": observation}]}


async def test_the_base_is_asked_by_id_list_and_connection(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    made = {await ward.observation(patient) for _ in range(3)}
    assert await ask(bench, f'{{Patient(id: "{patient}") {{id}}}}') == {"Patient": {"id": patient}}
    text = "query q($p: String, $c: String) {ObservationConnection(patient: $p, _count: 2, _cursor: $c)" \
           " {count pagesize next edges {mode resource {id}}}}"  # fmt: skip
    first = (await ask(bench, text.replace(", _cursor: $c", ""), variables={"p": patient}))["ObservationConnection"]
    assert (first["count"], first["pagesize"], len(first["edges"])) == (3, 2, 2)
    second = (await ask(bench, text, variables={"p": patient, "c": first["next"]}))["ObservationConnection"]
    seen = {edge["resource"]["id"] for edge in [*first["edges"], *second["edges"]]}
    assert seen == made
    assert "next" not in second


async def test_a_query_comes_in_the_address_as_graphql_or_as_json(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient(active=True)
    wanted = {"data": {"active": True}}
    address = f"/Patient/{patient}/$graphql"
    assert (await bench.get(address, params={"query": "{active}"})).json() == wanted
    named = {"query": "query a {id} query b($x: Boolean) {active @include(if: $x)}", "operationName": "b",
             "variables": json.dumps({"x": True})}  # fmt: skip
    assert (await bench.get(address, params=named)).json() == wanted
    as_it_is = await bench.post(address, content="{active}", headers={"content-type": "application/graphql"})
    assert as_it_is.json() == wanted
    wrong = await bench.post(address, content="{active}", headers={"content-type": "text/plain"})
    assert wrong.status_code == 415


async def test_digits_of_a_decimal_are_answered_as_they_are_stored(bench: httpx2.AsyncClient, ward: Any) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.500}}'
    made = await bench.post("/Observation", content=body, headers={"content-type": "application/fhir+json"})
    answer = await bench.get(f"/Observation/{made.json()['id']}/$graphql", params={"query": "{valueQuantity {value}}"})
    assert b"1.500" in answer.content


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("{shoes}", 400, "has no field"),
        ("{__schema {types {name}}}", 400, "Introspection"),
        ('{Patient(id: "none") {id}}', 400, "no Patient/none"),
        ("{ObservationList(shoe: 1) {id}}", 400, "shoe"),
        ("{ObservationList(_summary: true) {id}}", 400, "_summary"),
        ("{ObservationList(_cursor: x) {id}}", 400, "cursor"),
        ("mutation {PatientDelete {id}}", 400, "only queries"),
        ("", 400, "no query"),
    ],
)
async def test_refusals_are_graphql_errors_with_an_outcome(
    bench: httpx2.AsyncClient, query: str, status: int, says: str
) -> None:
    answer = await bench.post("/$graphql", json={"query": query})
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert says in error["message"]
    assert error["extensions"]["resource"]["resourceType"] == "OperationOutcome"
    assert "data" not in answer.json()


async def test_what_another_provider_owns_is_neither_read_nor_found_nor_counted(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    observation = await ward.observation(patient, by=doctor)
    lists = f'{{ObservationConnection(patient: "{patient}") {{count edges {{resource {{id}}}}}}}}'
    assert (await ask(doctor, lists))["ObservationConnection"]["count"] == 1
    assert await ask(doctor_elsewhere, lists) == {"ObservationConnection": {"count": 0}} | {}
    assert (
        await doctor_elsewhere.post(f"/Observation/{observation}/$graphql", json={"query": "{id}"})
    ).status_code == 404
    other = await ward.observation(
        patient, by=doctor_elsewhere, derivedFrom=[{"reference": f"Observation/{observation}"}]
    )
    text = "{derivedFrom {reference resource(optional: true) {... on Observation {id}}}}"
    assert await ask(doctor_elsewhere, text, f"/Observation/{other}") == {
        "derivedFrom": [{"reference": f"Observation/{observation}"}]
    }


async def test_a_token_reads_and_searches_only_types_of_its_scopes(ward: Any) -> None:
    patient = await ward.patient()
    observation = await ward.observation(patient)
    async with ward.client("system", scope="system/Observation.rs fvm/everything") as narrow:
        text = "{subject {reference resource(optional: true) {... on Patient {id}}}}"
        found = await ask(narrow, text, f"/Observation/{observation}")
        assert found == {"subject": {"reference": f"Patient/{patient}"}}
        refused = await narrow.post("/$graphql", json={"query": "{PatientList(active: true) {id}}"})
        assert refused.status_code == 403
        chained = await narrow.post("/$graphql", json={"query": f'{{Patient(id: "{patient}") {{id}}}}'})
        assert chained.status_code == 400
        assert "data" not in chained.json()


async def test_one_log_row_tells_all_that_was_shown(bench: httpx2.AsyncClient, ward: Any, engine: Engine) -> None:
    patient = await ward.patient()
    observation = await ward.observation(patient)
    before = await engine.db.pool.fetchval("select coalesce(max(id), 0) from access_log")
    text = "{subject {resource {... on Patient {id ObservationList(_reference: subject) {id}}}}}"
    await ask(bench, text, f"/Observation/{observation}")
    rows = await engine.db.pool.fetch("select * from access_log where id > $1", before)
    assert [row["activity"] for row in rows] == ["graphql"]
    assert set(rows[0]["patients"]) == {engine.keys.of(f"Patient/{patient}")}
    assert len(rows[0]["types"]) == 2
    assert rows[0]["returned"] == 3


async def test_a_query_that_asks_for_too_much_ends_with_a_code(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    many = " ".join(f'a{n}: ObservationList(patient: "{patient}", _count: {n}) {{id}}' for n in range(1, 230))
    answer = await bench.post("/$graphql", json={"query": f"{{{many}}}"})
    assert answer.status_code == 400
    assert "searches" in answer.json()["errors"][0]["message"]
