"""Conditions: If-None-Exist, ifNoneExist and conditional references, also when many ask at once."""

import asyncio
from typing import Any

import httpx2
import pytest

PNR, OID = "http://electronichealth.se/identifier/personnummer", "urn:oid:1.2.752.129.2.1.3.1"


def organization(value: str, system: str = "urn:o", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "name": "O", "identifier": [{"system": system, "value": value}], **more}


async def create(client: httpx2.AsyncClient, value: str, condition: str | None = None) -> httpx2.Response:
    headers = {"if-none-exist": condition or f"identifier=urn:o|{value}"}
    return await client.post("/Organization", json=organization(value), headers=headers)


async def test_a_conditional_create_makes_one_and_then_finds_it(ward: Any, bench: httpx2.AsyncClient) -> None:
    first, again = await create(bench, "c-1"), await create(bench, "c-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == 'W/"1"'
    assert len(await ward.ids("/Organization?identifier=urn:o|c-1")) == 1


async def test_a_condition_that_several_meet_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await ward.add(organization("c-2"))
    answer = await create(bench, "c-2")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (412, "conflict")
    assert len(await ward.ids("/Organization?identifier=urn:o|c-2")) == 2


async def test_a_condition_may_leave_the_system_out_or_say_that_there_is_none(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    await ward.add(organization("c-3"))
    assert (await create(bench, "c-3", "identifier=c-3")).status_code == 200
    assert (await create(bench, "c-3", "?identifier=urn%3Ao%7Cc-3")).status_code == 200
    assert (await create(bench, "c-3", "identifier=|c-3")).status_code == 201


@pytest.mark.parametrize(
    "condition",
    ["", "nonsense", "nonsense=1", "name=x&_sort=name", "name=x&_include=Organization:partof", "_format=json"],
)
async def test_a_condition_that_is_not_served_is_refused(bench: httpx2.AsyncClient, condition: str) -> None:
    answer = await bench.post("/Organization", json=organization("c"), headers={"if-none-exist": condition})
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_the_same_personnummer_in_another_notation_is_the_same_condition(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    body = {"resourceType": "Organization", "name": "O"}
    one = {**body, "identifier": [{"system": OID, "value": "20121212-1212"}]}
    other = {**body, "identifier": [{"system": PNR, "value": "201212121212"}]}
    made = await bench.post("/Organization", json=one, headers={"if-none-exist": f"identifier={OID}|20121212-1212"})
    found = await bench.post("/Organization", json=other, headers={"if-none-exist": f"identifier={PNR}|201212121212"})
    assert (made.status_code, found.status_code) == (201, 200)
    assert found.headers["location"] == made.headers["location"]


async def test_64_clients_with_the_same_condition_make_exactly_one(ward: Any, bench: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(create(bench, "c-64") for _ in range(64)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(await ward.ids("/Organization?identifier=urn:o|c-64")) == 1


async def test_64_clients_of_a_unit_never_seen_before_make_exactly_one_labelled_fact(
    ward: Any, an_observation_of: Any
) -> None:
    from kit.caller import Commission

    unit = Commission("c-new", "SE0000000009-N9", "Ny", "SE0000000009-N", "Ny vårdgivare", "Läkare")
    patient = await ward.patient()
    body = {**an_observation_of(patient), "identifier": [{"system": "urn:new", "value": "1"}]}
    headers = {"if-none-exist": "identifier=urn:new|1"}
    async with ward.client("system", commission=unit, subject="new", client_id="new") as new:
        answers = await asyncio.wait_for(
            asyncio.gather(*(new.post("/Observation", json=body, headers=headers) for _ in range(64))), 60
        )
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert {answer.status_code for answer in answers} == {200, 201}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: dict[str, Any], url: str | None = None, **request: str) -> dict[str, Any]:
    found = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}
    return found if url is None else {"fullUrl": url, **found}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_if_none_exist_works_in_a_bundle(ward: Any, bench: httpx2.AsyncClient, kind: str) -> None:
    value = f"b-{kind}"
    entry = post(organization(value), ifNoneExist=f"identifier=urn:o|{value}")
    first = (await bench.post("", json=bundle(kind, entry))).json()["entry"][0]["response"]
    again = (await bench.post("", json=bundle(kind, entry))).json()["entry"][0]["response"]
    assert first["status"].startswith("201")
    assert again["status"].startswith("200")
    assert first["location"] == again["location"]


async def test_the_same_condition_twice_in_a_transaction_is_one_resource(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    entries = [post(organization("b-2"), f"urn:uuid:{n}", ifNoneExist="identifier=urn:o|b-2") for n in range(2)]
    patient = await ward.patient()
    observations = [
        post({**an_observation_of(patient), "performer": [{"reference": f"urn:uuid:{n}"}]}) for n in range(2)
    ]
    told = (await bench.post("", json=bundle("transaction", *entries, *observations))).json()["entry"]
    assert told[0]["response"]["location"] == told[1]["response"]["location"]
    (id,) = await ward.ids("/Organization?identifier=urn:o|b-2")
    assert len(await ward.ids(f"/Observation?performer=Organization/{id}")) == 2


async def test_a_conditional_reference_needs_exactly_one(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient, one = await ward.patient(), await ward.add(organization("r-1"))
    for _ in range(2):
        await ward.add(organization("r-2"))

    def asking(value: str) -> dict[str, Any]:
        return {**an_observation_of(patient), "performer": [{"reference": f"Organization?identifier=urn:o|{value}"}]}

    for ok in (
        await bench.post("/Observation", json=asking("r-1")),
        await bench.post("", json=bundle("transaction", post(asking("r-1")))),
    ):
        assert ok.status_code in (200, 201)
    assert len(await ward.ids(f"/Observation?performer=Organization/{one}")) == 2
    for value, how in (("r-0", "no resource"), ("r-2", "several")):
        refused = await bench.post("/Observation", json=asking(value))
        assert (refused.status_code, how in refused.text) == (412, True)
        whole = await bench.post("", json=bundle("transaction", post(asking("r-1")), post(asking(value))))
        assert whole.status_code == 412
        assert whole.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert len(await ward.ids(f"/Observation?performer=Organization/{one}")) == 2
    unknown = {**an_observation_of(patient), "performer": [{"reference": "Nonsense?identifier=1"}]}
    assert (await bench.post("/Observation", json=unknown)).status_code in (400, 422)


async def test_a_batch_answers_a_conditional_reference_that_fails_alone(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    bad = {**an_observation_of(patient), "performer": [{"reference": "Organization?identifier=urn:o|none"}]}
    told = (await bench.post("", json=bundle("batch", post(bad), post(an_observation_of(patient))))).json()["entry"]
    assert [entry["response"]["status"][:3] for entry in told] == ["412", "201"]
