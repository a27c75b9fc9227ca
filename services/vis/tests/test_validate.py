"""$validate, and profiles on every write, at VIS's door (http://hl7.org/fhir/R4/resource-operation-validate.html)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.profiling import IN_FORCE, Policy

SE = "http://hl7.se/fhir/ig/base/StructureDefinition/"
PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"
UNKNOWN = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"


def a_patient(*numbers: str, profile: str = SE + "SEBasePatient", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "meta": {"profile": [profile]},
        "identifier": [{"system": PERSONNUMMER, "value": number} for number in numbers],
        "name": [{"family": "Ljungberg", "given": ["Maria"]}],
        **more,
    }


@pytest.fixture
def policy() -> Iterator[Any]:
    """Sets a policy for one test."""

    def set_to(**said: Any) -> None:
        IN_FORCE.policy = Policy(**said)

    before = IN_FORCE.policy
    yield set_to
    IN_FORCE.policy = before


async def issues(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["resourceType"] == "OperationOutcome"
    return list(found["issue"])


async def test_a_right_resource_is_all_ok(bench: httpx2.AsyncClient) -> None:
    found = await issues(await bench.post("/Patient/$validate", json=a_patient("189002029800")))
    assert [(one["severity"], one["diagnostics"]) for one in found] == [("information", "All OK")]


async def test_everything_that_is_wrong_is_told_at_once_with_its_place(bench: httpx2.AsyncClient) -> None:
    wrong = a_patient("189002029800", "196101182803", name=[{"family": "A"}, {"family": "B"}])
    found = await issues(await bench.post("/Patient/$validate", json=wrong))
    assert [one["expression"] for one in found] == [["Patient.identifier[1]"], ["Patient.name[1]"]]
    assert "SEBasePatient: identifier, slice personnummer" in found[0]["diagnostics"]
    assert "196101182803" not in str(found)


async def test_what_breaks_r4_is_told_before_profiles_are_looked_at(bench: httpx2.AsyncClient) -> None:
    found = await issues(await bench.post("/Patient/$validate", json=a_patient(gender="x", birthDate="1")))
    assert {one["expression"][0] for one in found} == {"Patient.gender", "Patient.birthDate", "Patient.identifier"}


async def test_what_is_no_json_is_told_as_an_issue(bench: httpx2.AsyncClient) -> None:
    for body in (b'{"resourceType":', b"[]", b'"x"', b'{"resourceType":"Patient","active":true,"active":false}'):
        headers = {"content-type": "application/fhir+json"}
        found = await issues(await bench.post("/Patient/$validate", content=body, headers=headers))
        assert found[0]["severity"] == "error", body


async def test_an_unknown_claim_is_a_warning_and_an_unknown_profile_asked_for_an_error(
    bench: httpx2.AsyncClient,
) -> None:
    (claim,) = await issues(await bench.post("/Patient/$validate", json=a_patient("1", profile=UNKNOWN)))
    assert (claim["severity"], claim["code"], claim["expression"]) == (
        "warning",
        "not-found",
        ["Patient.meta.profile[0]"],
    )
    asked = await bench.post(
        "/Patient/$validate", params={"profile": UNKNOWN}, json={"resourceType": "Patient", "active": True}
    )
    assert [one["severity"] for one in await issues(asked)] == ["error"]


async def test_parameters_name_the_resource_the_mode_and_the_profile(bench: httpx2.AsyncClient) -> None:
    plain = {"resourceType": "Patient", "name": [{"family": "A"}, {"family": "B"}]}
    call = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "resource", "resource": plain},
            {"name": "mode", "valueCode": "profile"},
            {"name": "profile", "valueUri": SE + "SEBasePatient"},
        ],
    }
    found = await issues(await bench.post("/Patient/$validate", json=call))
    assert [one["expression"] for one in found] == [["Patient.name[1]"]]
    assert (await issues(await bench.post("/Patient/$validate", json=plain)))[0]["diagnostics"] == "All OK"


async def test_parameters_themselves_can_be_validated(bench: httpx2.AsyncClient) -> None:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    found = await issues(await bench.post("/Parameters/$validate", json=parameters))
    assert found[0]["diagnostics"] == "All OK"


async def test_xml_is_validated_too(bench: httpx2.AsyncClient) -> None:
    names = '<name><family value="A"/></name><name><family value="B"/></name>'
    claim = f'<meta><profile value="{SE}SEBasePatient"/></meta>'
    body = f'<Patient xmlns="http://hl7.org/fhir">{claim}{names}</Patient>'
    answer = await bench.post("/Patient/$validate", content=body, headers={"content-type": "application/fhir+xml"})
    assert [one["expression"] for one in await issues(answer)] == [["Patient.name[1]"]]


_PARTS = st.sampled_from(
    [
        "resourceType",
        "parameter",
        "name",
        "resource",
        "mode",
        "profile",
        "valueCode",
        "meta",
        "Patient",
        "id",
        "Parameters",
    ]
)
_JUNK = st.recursive(
    st.one_of(st.none(), st.integers(), _PARTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_PARTS, inner, max_size=4)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=_JUNK,
    address=st.sampled_from(["Patient/$validate", "Parameters/$validate", "Patient/x/$validate?mode=update"]),
)
async def test_whatever_is_sent_the_answer_is_an_outcome(bench: httpx2.AsyncClient, body: Any, address: str) -> None:
    answer = await bench.post(address, json=body)
    assert answer.status_code in (200, 400), answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_call_that_is_none_is_refused(bench: httpx2.AsyncClient) -> None:
    patient = {"resourceType": "Patient", "active": True}
    for address in ("/Patient/$validate?mode=x", "/Patient/$validate?depth=1", "/Patient/$validate?profile="):
        assert (await bench.post(address, json=patient)).status_code == 400, address
    assert (await bench.post("/Patient/$validate")).status_code == 400
    assert (await bench.post("/Person2/$validate", json=patient)).status_code == 404
    assert (await bench.put("/Patient/$validate", json=patient)).status_code == 405
    other = {"resourceType": "Parameters", "parameter": [{"name": "what", "valueString": "x"}]}
    assert (await bench.post("/Patient/$validate", json=other)).status_code == 400


async def test_another_type_than_the_address_says_is_an_issue(bench: httpx2.AsyncClient) -> None:
    found = await issues(await bench.post("/Patient/$validate", json={"resourceType": "Group", "type": "person"}))
    assert found[0]["expression"] == ["Patient.resourceType"]


async def test_the_stored_resource_is_validated_where_it_stands(bench: httpx2.AsyncClient, ward: Any) -> None:
    id = await ward.patient(name=[{"family": "A"}, {"family": "B"}])
    assert (await issues(await bench.get(f"/Patient/{id}/$validate")))[0]["diagnostics"] == "All OK"
    found = await issues(await bench.get(f"/Patient/{id}/$validate", params={"profile": SE + "SEBasePatient"}))
    assert [one["expression"] for one in found] == [["Patient.name[1]"]]
    assert [one["severity"] for one in await issues(await bench.get("/Patient/nobody/$validate"))] == ["error"]


async def test_an_update_is_tried_with_its_id_and_a_delete_with_nothing(bench: httpx2.AsyncClient, ward: Any) -> None:
    id = await ward.patient(active=True)
    other = {"resourceType": "Patient", "id": "other", "active": True}
    found = await issues(await bench.post(f"/Patient/{id}/$validate?mode=update", json=other))
    assert [one["expression"] for one in found] == [["Patient.id"]]
    nameless = {"resourceType": "Patient", "active": True}
    found = await issues(await bench.post(f"/Patient/{id}/$validate?mode=update", json=nameless))
    assert [one["code"] for one in found] == ["required"]
    assert (await issues(await bench.post(f"/Patient/{id}/$validate?mode=delete")))[0]["diagnostics"] == "All OK"
    assert (await issues(await bench.post("/Patient/nobody/$validate?mode=delete")))[0]["severity"] == "error"


async def test_a_create_at_the_wrong_door_is_told_so(bench: httpx2.AsyncClient) -> None:
    definition = {"resourceType": "ValueSet", "status": "draft"}
    assert (await issues(await bench.post("/ValueSet/$validate", json=definition)))[0]["diagnostics"] == "All OK"
    found = await issues(await bench.post("/ValueSet/$validate?mode=create", json=definition))
    assert [one["code"] for one in found] == ["not-supported"]


async def test_validation_stores_nothing(bench: httpx2.AsyncClient, ward: Any) -> None:
    before = await ward.ids("/Patient?family=Osparad")
    await bench.post(
        "/Patient/$validate?mode=create", json=a_patient(name=[{"family": "Osparad"}], identifier=[{"value": "1"}])
    )
    assert await ward.ids("/Patient?family=Osparad") == before == []


async def test_who_may_not_write_may_not_try(ward: Any) -> None:
    async with ward.client("system", scope="system/Patient.rs") as reader:
        answer = await reader.post("/Patient/$validate", json={"resourceType": "Patient", "active": True})
        assert answer.status_code == 403


async def test_a_write_that_breaks_a_claimed_profile_is_refused_with_every_error(bench: httpx2.AsyncClient) -> None:
    wrong = a_patient("189002029800", "196101182803", name=[{"family": "A"}, {"family": "B"}])
    answer = await bench.post("/Patient", json=wrong)
    assert answer.status_code == 422
    assert [one["expression"] for one in answer.json()["issue"]] == [["Patient.identifier[1]"], ["Patient.name[1]"]]


async def test_in_a_transaction_the_place_begins_with_the_entry(bench: httpx2.AsyncClient) -> None:
    entry = {"resource": a_patient(identifier=[{"value": "1"}], name=[{"text": "A"}, {"text": "B"}])}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [entry | {"request": {"method": "POST", "url": "Patient"}}],
    }
    answer = await bench.post("", json=bundle)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.name[1]"]


async def test_a_write_that_claims_an_unknown_profile_is_kept_unless_the_policy_says_no(
    bench: httpx2.AsyncClient, policy: Any
) -> None:
    claims = {"resourceType": "Patient", "meta": {"profile": [UNKNOWN]}, "active": True}
    kept = await bench.post("/Patient", json=claims)
    assert kept.status_code == 201
    assert kept.json()["meta"]["profile"] == [UNKNOWN]
    policy(refuse=frozenset({"Patient"}))
    refused = await bench.post("/Patient", json=claims)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Patient.meta.profile[0]"]
    group = {"resourceType": "Group", "meta": {"profile": [UNKNOWN]}, "type": "person", "actual": False}
    assert (await bench.post("/Group", json=group)).status_code == 201


async def test_a_required_profile_is_met_whether_it_is_claimed_or_not(bench: httpx2.AsyncClient, policy: Any) -> None:
    policy(required={"Patient": (SE + "SEBasePatient",)})
    twice = {"resourceType": "Patient", "name": [{"family": "A"}, {"family": "B"}]}
    assert (await bench.post("/Patient", json=twice)).status_code == 422
    assert (await bench.post("/Patient", json=twice | {"name": [{"family": "A"}]})).status_code == 201
    policy(required={"Patient": (UNKNOWN,)})
    assert (await bench.post("/Patient", json=twice)).status_code == 422


async def test_a_warning_does_not_keep_a_resource_out(bench: httpx2.AsyncClient) -> None:
    single = {"coding": [{"system": "http://example.org/civil", "code": "x"}]}
    patient = a_patient(identifier=[{"value": "1"}], maritalStatus=single)
    assert [one["severity"] for one in await issues(await bench.post("/Patient/$validate", json=patient))] == [
        "warning"
    ]
    assert (await bench.post("/Patient", json=patient)).status_code == 201


async def test_the_capability_statement_tells_validate_and_the_profiles(bench: httpx2.AsyncClient) -> None:
    statement = (await bench.get("/metadata")).json()
    patient = next(one for one in statement["rest"][0]["resource"] if one["type"] == "Patient")
    assert SE + "SEBasePatient" in patient["supportedProfile"]
    assert "validate" in [one["name"] for one in patient["operation"]]
