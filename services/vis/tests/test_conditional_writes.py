"""Conditional update, patch and delete, by any search, alone and in bundles (http://hl7.org/fhir/R4/http.html#cond-update)."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine

PATCH = {"content-type": "application/json-patch+json"}


def organization(value: str, name: str = "O", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "name": name, "identifier": [{"system": "urn:cw", "value": value}], **more}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **request: str) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return made if resource is None else {"resource": resource, **made}


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


async def test_a_conditional_update_creates_then_updates_then_is_refused_when_several_match(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    where = "/Organization?identifier=urn:cw|u1"
    made = await bench.put(where, json=organization("u1"))
    assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"')
    changed = await bench.put(where, json=organization("u1", "P"))
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert (changed.json()["id"], changed.json()["name"]) == (made.json()["id"], "P")
    await ward.add(organization("u1"))
    refused = await bench.put(where, json=organization("u1"))
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (412, "conflict")


async def test_the_id_in_the_body_of_a_conditional_update_must_fit(ward: Any, bench: httpx2.AsyncClient) -> None:
    there = await ward.add(organization("u2"))
    where = "/Organization?identifier=urn:cw|u2"
    assert (await bench.put(where, json=organization("u2", id=there))).status_code == 200
    assert (await bench.put(where, json=organization("u2", id="another"))).status_code == 400
    chosen = await bench.put("/Organization?identifier=urn:cw|u3", json=organization("u3", id="cw-chosen"))
    assert (chosen.status_code, chosen.json()["id"]) == (201, "cw-chosen")
    taken = await bench.put("/Organization?identifier=urn:cw|u4", json=organization("u4", id="cw-chosen"))
    assert taken.status_code == 409
    assert (await bench.get("/Organization/cw-chosen")).headers["etag"] == 'W/"1"'


async def test_a_condition_may_be_any_search(ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any) -> None:
    patient = await ward.patient(name=[{"family": "Condition"}])
    id = await ward.observation(patient, "8310-5")
    body = an_observation_of(patient, "8310-5", status="amended")
    for query in (
        f"patient={patient}&code=http://loinc.org|8310-5",
        f"subject:Patient.family=condition&subject=Patient/{patient}",
        f"_id={id}",
        f"patient={patient}&date=ge2026-01-01&_lastUpdated=gt2020-01-01",
    ):
        answer = await bench.put(f"/Observation?{query}", json=body)
        assert (answer.status_code, answer.json()["id"]) == (200, id), query
    made = await bench.post("/Observation", json=body, headers={"if-none-exist": f"patient={patient}"})
    assert (made.status_code, made.headers["location"].split("/")[-3]) == (200, id)
    unknown = await bench.put("/Observation?nonsense=1", json=body)
    assert (unknown.status_code, "nonsense" in unknown.text) == (400, True)
    assert (await bench.put("/Observation", json=body)).status_code == 405


async def test_what_may_not_be_seen_is_not_matched(
    ward: Any, system: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    from kit.caller import Commission

    elsewhere = Commission("c-9", "SE0000000003-S1", "Annan", "SE0000000003-S", "Annan vårdgivare", "Läkare")
    patient = await ward.patient()
    body = {**an_observation_of(patient), "identifier": [{"system": "urn:cw", "value": "hidden"}]}
    async with ward.client("system", commission=elsewhere, subject="e", client_id="e") as other:
        theirs = await ward.add(body, other)
    mine = await system.put("/Observation?identifier=urn:cw|hidden", json=body)
    assert mine.status_code == 201
    assert mine.json()["id"] != theirs
    assert (await system.delete("/Observation?identifier=urn:cw|hidden")).status_code == 204
    assert (await ward.bench.get(f"/Observation/{theirs}")).status_code == 200


async def test_a_condition_needs_the_right_to_search(ward: Any) -> None:
    async with ward.client("system", scope="system/Organization.cu", subject="n", client_id="n") as blind:
        answer = await blind.put("/Organization?identifier=urn:cw|blind", json=organization("blind"))
        assert answer.status_code == 403


async def test_a_conditional_patch_changes_exactly_one(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.add(organization("p1"))
    change = [{"op": "replace", "path": "/name", "value": "Patched"}]
    where = "/Organization?identifier=urn:cw|p1"
    done = await bench.patch(where, json=change, headers=PATCH)
    assert (done.status_code, done.json()["name"], done.json()["id"]) == (200, "Patched", id)
    assert (await bench.patch("/Organization?identifier=urn:cw|p0", json=change, headers=PATCH)).status_code == 404
    await ward.add(organization("p1"))
    assert (await bench.patch(where, json=change, headers=PATCH)).status_code == 412


async def test_a_conditional_delete_takes_one_and_refuses_several(
    ward: Any, bench: httpx2.AsyncClient, doctor: httpx2.AsyncClient
) -> None:
    where = "/Organization?identifier=urn:cw|d1"
    assert (await bench.delete(where)).status_code == 204
    first = await ward.add(organization("d1"))
    assert (await bench.delete(where)).status_code == 204
    assert (await bench.get(f"/Organization/{first}")).status_code == 410
    for _ in range(2):
        await ward.add(organization("d1"))
    assert (await bench.delete(where)).status_code == 412
    assert len(await ward.ids(where)) == 2
    assert (await bench.delete("/Organization")).status_code == 405
    assert (await doctor.delete(where)).status_code == 405


async def test_a_setting_lets_a_conditional_delete_take_several(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "mount", replace(engine.mount, most_deleted=3))
    where = "/Organization?identifier=urn:cw|d2"
    for _ in range(3):
        await ward.add(organization("d2"))
    assert (await bench.delete(where)).status_code == 204
    assert await ward.ids(where) == []
    for _ in range(4):
        await ward.add(organization("d2"))
    assert (await bench.delete(where)).status_code == 412
    told = await bench.post("", json=bundle(entry("DELETE", "Organization?identifier=urn:cw|d0")))
    assert told.json()["entry"][0]["response"]["status"].startswith("204")


async def test_if_none_match_star_creates_and_never_overwrites(ward: Any, bench: httpx2.AsyncClient) -> None:
    body = organization("nm", id="cw-nm")
    star = {"if-none-match": "*"}
    answers = await asyncio.gather(*(bench.put("/Organization/cw-nm", json=body, headers=star) for _ in range(16)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 15}
    await bench.delete("/Organization/cw-nm")
    assert (await bench.put("/Organization/cw-nm", json=body, headers=star)).status_code == 201


@pytest.mark.parametrize("query", ["identifier=urn:cw|many", "name:exact=Many-64&type:missing=true"])
async def test_64_clients_with_the_same_conditional_update_make_exactly_one(
    ward: Any, bench: httpx2.AsyncClient, query: str
) -> None:
    body = organization("many", "Many-64")
    await bench.delete(f"/Organization?{query}")
    answers = await asyncio.gather(*(bench.put(f"/Organization?{query}", json=body) for _ in range(64)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 63}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(int(answer.headers["etag"][3:-1]) for answer in answers) == list(range(1, 65))


async def test_64_clients_with_the_same_search_as_condition_create_exactly_one(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    headers = {"if-none-exist": "name:exact=Created-64&type:missing=true"}
    body = organization("c64", "Created-64")
    answers = await asyncio.gather(*(bench.post("/Organization", json=body, headers=headers) for _ in range(64)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 63}


async def test_conditions_hold_while_others_change_what_they_match(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.add(organization("moving"))
    where = "/Organization?identifier=urn:cw|moving"
    away, back = organization("away", id=id), organization("moving", id=id)
    calls = [bench.put(where, json=organization("moving", f"n{n}")) for n in range(12)]
    calls += [bench.put(f"/Organization/{id}", json=away if n % 2 else back) for n in range(12)]
    codes = {answer.status_code for answer in await asyncio.gather(*calls)}
    assert codes <= {200, 201, 409, 412}
    assert 200 in codes


async def test_conditional_writes_work_in_bundles(ward: Any, bench: httpx2.AsyncClient) -> None:
    gone, patched = await ward.add(organization("b1")), await ward.add(organization("b2"))
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Organization.name"},
        {"name": "value", "valueString": "B"}]}]}  # fmt: skip
    for kind in ("transaction", "batch"):
        told = await bench.post(
            "",
            json=bundle(
                entry("PUT", f"Organization?identifier=urn:cw|b-{kind}", organization(f"b-{kind}")),
                entry("PATCH", "Organization?identifier=urn:cw|b2", patch),
                entry("DELETE", "Organization?identifier=urn:cw|b1"),
                kind=kind,
            ),
        )
        assert told.status_code == 200, told.text
        assert [e["response"]["status"][:3] for e in told.json()["entry"]] == ["201", "200", "204"]
    assert (await bench.get(f"/Organization/{gone}")).status_code == 410
    assert (await bench.get(f"/Organization/{patched}")).json()["name"] == "B"


async def test_a_conditional_create_beside_the_delete_of_its_match_creates(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    old = await ward.add(organization("order"))
    told = await bench.post(
        "",
        json=bundle(
            entry("POST", "Organization", organization("order", "New"), ifNoneExist="identifier=urn:cw|order"),
            entry("DELETE", f"Organization/{old}"),
        ),
    )
    assert [e["response"]["status"][:3] for e in told.json()["entry"]] == ["201", "204"], told.text
    (new,) = await ward.ids("/Organization?identifier=urn:cw|order")
    assert new != old


async def test_what_is_matched_twice_in_a_transaction_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.add(organization("twice"))
    where = "Organization?identifier=urn:cw|twice"
    for other in (
        entry("PUT", f"Organization/{id}", organization("twice", id=id)),
        entry("PUT", where, organization("twice")),
    ):
        answer = await bench.post("", json=bundle(entry("PUT", where, organization("twice")), other))
        assert (answer.status_code, "twice" in answer.text) == (400, True)
    new = "Organization?identifier=urn:cw|twice-new"
    both = bundle(entry("PUT", new, organization("twice-new")), entry("PUT", new, organization("twice-new")))
    assert (await bench.post("", json=both)).status_code == 412


async def test_staff_say_whom_they_change_by_a_condition(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient, other = await ward.patient(), await ward.patient()
    await ward.observation(patient, "718-7", doctor)
    where, body = f"/Observation?patient={patient}", an_observation_of(patient, status="amended")
    assert (await doctor.put(where, json=body)).status_code == 403
    assert (await doctor.put(where, json=body, headers={"fvm-patient": other})).status_code == 422
    assert (await doctor.put(where, json=body, headers={"fvm-patient": patient})).status_code == 200
