"""Staff say whom they write about, scopes say what a token may do (architecture D10, SMART App Launch 2.2)."""

from typing import Any

import httpx2
import pytest

from kit.caller import Commission

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


def transaction(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: dict[str, Any], url: str = "urn:uuid:x") -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


async def test_staff_write_about_the_patient_they_name(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    one, other = await ward.patient(), await ward.patient()
    body = an_observation_of(one)
    missing = await doctor.post("/Observation", json=body)
    assert (missing.status_code, missing.json()["issue"][0]["expression"]) == (403, ["FVM-Patient"])
    for named in (one, f"Patient/{one}"):
        assert (await doctor.post("/Observation", json=body, headers={"fvm-patient": named})).status_code == 201
    assert (await doctor.post("/Observation", json=body, headers={"fvm-patient": other})).status_code == 422
    put = {**body, "id": "ctx-1"}
    assert (await doctor.put("/Observation/ctx-1", json=put)).status_code == 403
    assert (await doctor.put("/Observation/ctx-1", json=put, headers={"fvm-patient": other})).status_code == 422
    assert (await doctor.put("/Observation/ctx-1", json=put, headers={"fvm-patient": one})).status_code == 201


async def test_a_patient_may_be_created_without_context_but_not_changed(ward: Any, doctor: httpx2.AsyncClient) -> None:
    made = await doctor.post("/Patient", json={"resourceType": "Patient"})
    assert made.status_code == 201
    id, other = made.json()["id"], await ward.patient()
    body = {"resourceType": "Patient", "id": id, "active": True}
    assert (await doctor.put(f"/Patient/{id}", json=body)).status_code == 403
    assert (await doctor.put(f"/Patient/{id}", json=body, headers={"fvm-patient": other})).status_code == 422
    assert (await doctor.put(f"/Patient/{id}", json=body, headers={"fvm-patient": id})).status_code == 200


async def test_the_context_of_token_and_header_must_be_the_same(ward: Any, an_observation_of: Any) -> None:
    one, other = await ward.patient(), await ward.patient()
    async with ward.client("staff", commission=NORRBY, patient=one) as launched:
        assert (await launched.post("/Observation", json=an_observation_of(one))).status_code == 201
        assert (await launched.post("/Observation", json=an_observation_of(other))).status_code == 422
        answer = await launched.post("/Observation", json=an_observation_of(other), headers={"fvm-patient": other})
        assert answer.status_code == 403


async def test_a_transaction_of_staff_is_about_one_patient(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    one, other = await ward.patient(), await ward.patient()
    mine, theirs = post(an_observation_of(one), "urn:uuid:1"), post(an_observation_of(other), "urn:uuid:2")
    new = post({"resourceType": "Patient"}, "urn:uuid:new")
    of_new = post({**an_observation_of(None), "subject": {"reference": "urn:uuid:new"}}, "urn:uuid:3")
    context = {"fvm-patient": one}
    assert (await doctor.post("", json=transaction(mine))).status_code == 403
    assert (await doctor.post("", json=transaction(mine), headers=context)).status_code == 200
    mixed = await doctor.post("", json=transaction(mine, theirs), headers=context)
    assert (mixed.status_code, mixed.json()["issue"][0]["expression"]) == (422, ["Bundle.entry[1]"])
    assert (await doctor.post("", json=transaction(new, of_new))).status_code == 200
    assert (await doctor.post("", json=transaction(new, theirs))).status_code == 422
    again = post({"resourceType": "Patient"}, "urn:uuid:again")
    assert (await doctor.post("", json=transaction(new, again, of_new))).status_code == 403
    put = {
        "resource": {"resourceType": "Patient", "id": other},
        "request": {"method": "PUT", "url": f"Patient/{other}"},
    }
    assert (await doctor.post("", json=transaction(put))).status_code == 403
    assert (await doctor.post("", json=transaction(put), headers=context)).status_code == 422


async def test_a_batch_of_staff_is_about_the_patient_in_context(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    one, other = await ward.patient(), await ward.patient()
    batch = transaction(post(an_observation_of(one)), post(an_observation_of(other)), kind="batch")

    async def statuses(**headers: str) -> list[str]:
        told = (await doctor.post("", json=batch, headers=headers)).json()
        return [entry["response"]["status"][:3] for entry in told["entry"]]

    assert await statuses() == ["403", "403"]
    assert await statuses(**{"fvm-patient": one}) == ["201", "422"]


async def test_a_token_does_only_what_its_scopes_say(ward: Any, an_observation_of: Any) -> None:
    patient = await ward.patient(name=[{"family": "Zscope"}])
    id = await ward.observation(patient, "zscope")
    body = an_observation_of(patient)
    context = {"fvm-patient": patient}
    reads = {"scope": "user/Observation.rs", "commission": NORRBY}
    async with ward.client("staff", subject="r", **reads) as reader:
        assert (await reader.get(f"/Observation/{id}")).status_code == 200
        assert (await reader.get(f"/Observation?patient={patient}")).status_code == 200
        for answer in (
            await reader.get(f"/Patient/{patient}"), await reader.get("/Patient"), await reader.get(f"/Patient/{patient}/_history"),
            await reader.get(f"/Patient/{patient}/$everything"), await reader.post("/Patient/_search", data={}),
            await reader.post("/Observation", json=body, headers=context),
            await reader.put("/Observation/s1", json={**body, "id": "s1"}, headers=context),
            await reader.get("/Observation?patient.family=zscope"), await reader.delete(f"/Observation/{id}"),
            await reader.post("", json=transaction(post(body)), headers=context),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden"), answer.request.url
        included = (await reader.get(f"/Observation?_id={id}&_include=Observation:subject")).json()
        assert [e["resource"]["resourceType"] for e in included["entry"]] == ["Observation"]
    async with ward.client("staff", subject="p", scope="user/Patient.read", commission=NORRBY) as other:
        assert (await other.get("/Patient?_has:Observation:patient:code=zscope")).status_code == 403
        told = (await other.get(f"/Patient/{patient}/$everything")).json()
        assert [e["resource"]["resourceType"] for e in told["entry"]] == ["Patient"]
        told = (await other.get(f"/Patient?_id={patient}&_revinclude=Observation:subject")).json()
        assert [e["resource"]["resourceType"] for e in told["entry"]] == ["Patient"]
    async with ward.client("staff", subject="none", scope="openid", commission=NORRBY) as nothing:
        assert (await nothing.get(f"/Observation/{id}")).status_code == 403


async def test_without_a_good_token_nothing_is_answered_but_what_is_public(app: object, ward: Any, issuer: Any) -> None:
    other = type(issuer)()
    good = {"audience": ["/vis/fhir"], "commission": NORRBY}
    wrong = {
        "none": {},
        "not bearer": {"authorization": "Basic YTpi"},
        "nonsense": {"authorization": "Bearer nonsense"},
        "another key": other.headers("staff", **good),
        "another door": issuer.headers("staff", audience=["/fhir"], commission=NORRBY),
        "expired": issuer.headers("staff", exp=1_600_000_000, **good),
        "another issuer": issuer.headers("staff", iss="http://elsewhere", **good),
    }
    for what, headers in wrong.items():
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url=str(ward.bench.base_url), headers=headers
        ) as caller:
            for answer in (
                await caller.get("/Patient/x"),
                await caller.post("", json={}),
                await caller.get("/Patient"),
            ):
                assert answer.status_code == 401, what
                assert answer.json()["issue"][0]["code"] == "login"
                assert answer.headers["www-authenticate"].startswith("Bearer")
            assert (await caller.get("/metadata")).status_code == 200


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "FOO"])
async def test_a_method_that_is_not_served_is_refused(bench: httpx2.AsyncClient, method: str) -> None:
    answer = await bench.request(method, "/Patient/x")
    assert answer.status_code == 405
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_records_of_one_person_are_one_patient_in_context(
    ward: Any, doctor: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    current, retired, other = [await ward.patient(birthDate="1970-01-01") for _ in range(3)]
    id = await ward.observation(retired, by=doctor)
    put = {**an_observation_of(retired), "id": id}
    assert (await doctor.put(f"/Observation/{id}", json=put, headers={"fvm-patient": current})).status_code == 422
    engine = ward.engine
    keys = [engine.keys.of(f"Patient/{one}") for one in (current, retired)]
    for key in keys:
        await engine.db.pool.execute("insert into same(key, person, version) values ($1, $2, 1)", key, keys[0])
    await engine.persons.refresh()
    try:
        assert (await doctor.put(f"/Observation/{id}", json=put, headers={"fvm-patient": current})).status_code == 200
        assert await ward.ids(f"/Observation?patient={current}", doctor) == [id]
        moved = {**an_observation_of(current), "id": id}
        assert (await doctor.put(f"/Observation/{id}", json=moved, headers={"fvm-patient": current})).status_code == 200
        assert (await doctor.put(f"/Observation/{id}", json=put, headers={"fvm-patient": other})).status_code == 422
        async with ward.client("patient", patient=current, subject=current, commission=None) as me:
            assert await ward.ids("/Observation", me) == [id]
    finally:
        await engine.db.pool.execute("delete from same")
        await engine.persons.refresh()
