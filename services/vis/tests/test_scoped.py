"""Scopes of the patient in context and scopes with a filter reach exactly the rows they say (SMART App Launch 2.2, D10)."""

from typing import Any

import pytest

from kit.caller import Commission

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def of(category: str) -> dict[str, Any]:
    return {"category": [{"coding": [{"system": CATEGORY, "code": category}]}]}


@pytest.fixture
async def two(ward: Any) -> tuple[str, str, dict[str, str]]:
    """Two patients, and observations: the first one's laboratory and vital signs, the other's laboratory."""
    one, other = await ward.patient(), await ward.patient()
    ids = {
        "lab": await ward.observation(one, "scoped", **of("laboratory")),
        "vital": await ward.observation(one, "scoped", **of("vital-signs")),
        "other": await ward.observation(other, "scoped", **of("laboratory")),
    }
    return one, other, ids


async def reached(ward: Any, ids: dict[str, str], **token: Any) -> set[str]:
    """Which of the observations a token reads; a search finds the same ones, by GET and by POST."""
    async with ward.client("staff", commission=NORRBY, **token) as app:
        read = {name for name, id in ids.items() if (await app.get(f"/Observation/{id}")).status_code == 200}
        found = set(await ward.ids("/Observation?code=scoped&_count=100", app))
        posted = (await app.post("/Observation/_search", data={"code": "scoped", "_total": "accurate"})).json()
    assert {name for name, id in ids.items() if id in found} == read
    assert {entry["resource"]["id"] for entry in posted.get("entry", [])} == found
    assert posted["total"] == len(found)
    return read


async def test_a_scope_of_the_patient_in_context_reaches_nobody_else(ward: Any, two: Any) -> None:
    one, other, ids = two

    assert await reached(ward, ids, scope="patient/Observation.rs", patient=one) == {"lab", "vital"}
    assert await reached(ward, ids, scope="patient/*.read", patient=other) == {"other"}
    assert await reached(ward, ids, scope="user/Observation.rs", patient=one) == {"lab", "vital", "other"}


async def test_a_filter_reaches_what_it_finds(ward: Any, two: Any) -> None:
    one, _, ids = two
    lab = f"category={CATEGORY}|laboratory"

    assert await reached(ward, ids, scope=f"user/Observation.rs?{lab}") == {"lab", "other"}
    assert await reached(ward, ids, scope=f"patient/Observation.rs?{lab}", patient=one) == {"lab"}
    both = f"user/Observation.rs?{lab}&patient=Patient/{one} user/Observation.rs?category=vital-signs"
    assert await reached(ward, ids, scope=both) == {"lab", "vital"}
    assert await reached(ward, ids, scope=f"user/Observation.rs?{lab} user/Observation.r?category=none") == {
        "lab",
        "other",
    }


async def test_what_a_scope_does_not_reach_is_as_if_it_did_not_exist(ward: Any, two: Any) -> None:
    one, _, ids = two
    async with ward.client("staff", commission=NORRBY, scope="patient/Observation.rs", patient=one) as app:
        there, nowhere = await app.get(f"/Observation/{ids['other']}"), await app.get("/Observation/nothing-here")

    assert there.status_code == nowhere.status_code == 404
    assert there.text.replace(ids["other"], "x") == nowhere.text.replace("nothing-here", "x")


async def test_a_patient_scope_without_a_patient_in_context_reaches_nothing(ward: Any, two: Any) -> None:
    _, _, ids = two
    async with ward.client("staff", commission=NORRBY, scope="patient/Observation.rs") as app:
        assert (await app.get(f"/Observation/{ids['lab']}")).status_code == 403
        assert (await app.get("/Observation?code=scoped")).status_code == 403


async def test_no_other_interaction_goes_around_it(ward: Any, two: Any, an_observation_of: Any) -> None:
    one, other, ids = two
    for scope in ("patient/*.cruds", "user/*.cruds?_id=nothing"):
        async with ward.client("staff", commission=NORRBY, scope=scope, patient=one) as app:
            for path in (
                f"/Observation/{ids['other']}/_history", f"/Observation/{ids['other']}/_history/1", "/Observation/_history",
                f"/Patient/{other}/$everything", f"/Patient/{other}/Observation", "/_history", "?_type=Observation",
                f"/Observation?patient={other}&_has:Observation:patient:code=scoped", "/Observation/$lastn?code=scoped",
            ):  # fmt: skip
                answer = await app.get(path)
                assert answer.status_code in (400, 403, 404), (scope, path)
                assert ids["other"] not in answer.text.replace(path, ""), (scope, path)
            batch = {"resourceType": "Bundle", "type": "batch"}
            entry = {"request": {"method": "GET", "url": f"Observation/{ids['other']}"}}
            told = (await app.post("", json={**batch, "entry": [entry]})).json()
            assert told["entry"][0]["response"]["status"][:3] in ("403", "404")
            brought = (await app.get("/Observation?code=scoped&_include=Observation:subject")).json()
            assert all(one["resource"]["resourceType"] == "Observation" for one in brought.get("entry", []))


async def test_a_filter_holds_or_is_refused_at_every_interaction_that_reads(
    ward: Any, two: Any, an_observation_of: Any, later: Any
) -> None:
    """`?category=laboratory` reaches the laboratory's rows by read and search; all else is refused, and shows no vital sign."""
    one, _, ids = two
    lab = f"category={CATEGORY}|laboratory"
    condition = {"if-none-exist": "code=scoped&category=vital-signs", "fvm-patient": one}
    query = f'{{ Observation(id: "{ids["vital"]}") {{ id status }} }}'
    listed = f'{{ Patient(id: "{one}") {{ id ObservationList(_reference: patient) {{ id }} }} }}'
    subscription = {
        "resourceType": "Subscription", "status": "requested", "reason": "x", "criteria": "Observation?code=scoped",
        "channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1:9/x"},
    }  # fmt: skip
    scope = f"user/Observation.rs?{lab} user/Patient.rs user/Observation.c user/Subscription.cruds"
    async with ward.client("staff", commission=NORRBY, scope=scope) as app:
        answers = {
            "read": await app.get(f"/Observation/{ids['vital']}"),
            "vread": await app.get(f"/Observation/{ids['vital']}/_history/1"),
            "history": await app.get(f"/Observation/{ids['vital']}/_history"),
            "everything": await app.get(f"/Patient/{one}/$everything"),
            "revinclude": await app.get(f"/Patient?_id={one}&_revinclude=Observation:subject"),
            "has": await app.get(f"/Patient?_has:Observation:patient:category=vital-signs&_id={one}"),
            "compartment": await app.get(f"/Patient/{one}/Observation?category=vital-signs"),
            "all": await app.get(f"/Patient/{one}/*?_type=Observation"),
            "lastn": await app.get(f"/Observation/$lastn?patient={one}&category=vital-signs"),
            "meta": await app.get(f"/Observation/{ids['vital']}/$meta"),
            "graphql": await app.get("/$graphql", params={"query": query}),
            "graphql list": await app.get("/$graphql", params={"query": listed}),
            "subscription": await app.post("/Subscription", json=subscription),
            "condition": await app.post("/Observation", json=an_observation_of(one, "scoped"), headers=condition),
        }
    async with ward.client("system", scope=f"system/Observation.rs?{lab}", commission=NORRBY) as system:
        answers["export"] = await system.get("/$export?_type=Observation", headers=later.headers)
        answers["system search"] = await system.get("/?_type=Observation&code=scoped")
    told = {way: (answer.status_code, ids["vital"] in _resources(answer)) for way, answer in answers.items()}

    assert {way for way, (_, shown) in told.items() if shown} == set()
    refused = {way for way, (status, _) in told.items() if status in (400, 403, 404)}
    assert refused == set(told) - {"everything", "revinclude"}, (
        told
    )  # these show what unfiltered scopes reach, and no more


def _resources(answer: Any) -> str:
    """What an answer shows, without the address that was asked for and without what a refusal says of it."""
    body = answer.json()
    return "" if body.get("resourceType") == "OperationOutcome" or "errors" in body else str(body.get("entry", body))


async def test_an_app_writes_about_its_patient_and_about_nobody_else(
    ward: Any, two: Any, an_observation_of: Any
) -> None:
    one, other, ids = two
    async with ward.client("staff", commission=NORRBY, scope="patient/Observation.cruds", patient=one) as app:
        assert (await app.post("/Observation", json=an_observation_of(one))).status_code == 201
        assert (await app.post("/Observation", json=an_observation_of(other))).status_code == 422
        moved = {**an_observation_of(one), "id": ids["other"]}
        assert (await app.put(f"/Observation/{ids['other']}", json=moved)).status_code == 403
        assert (await app.delete(f"/Observation/{ids['other']}")).status_code in (403, 405)
    async with ward.client("staff", commission=NORRBY, scope="patient/Observation.rs", patient=one) as reader:
        assert (await reader.post("/Observation", json=an_observation_of(one))).status_code == 403


async def test_what_is_about_nobody_is_open_to_an_app_of_one_patient(ward: Any) -> None:
    one, id = await ward.patient(), await ward.add({"resourceType": "Organization", "name": "Enheten"})
    async with ward.client("staff", commission=NORRBY, scope="patient/*.rs", patient=one) as app:
        assert (await app.get(f"/Organization/{id}")).status_code == 200
        assert (await app.get(f"/Patient/{one}")).status_code == 200
        assert (await app.get(f"/Patient/{await ward.patient()}")).status_code == 404


async def test_a_filter_that_cannot_be_applied_opens_nothing(ward: Any, two: Any) -> None:
    _, _, ids = two
    for query in ("nonsense=1", "category:nonsense=1", "date=yesterday"):
        async with ward.client("staff", commission=NORRBY, scope=f"user/Observation.rs?{query}") as app:
            assert (await app.get(f"/Observation/{ids['lab']}")).status_code == 403
            assert (await app.get("/Observation?code=scoped")).status_code == 403
