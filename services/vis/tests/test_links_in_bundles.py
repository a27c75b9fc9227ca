"""What points at an entry of a transaction points at what it is stored as (http://hl7.org/fhir/R4/http.html#trules)."""

from typing import Any

import httpx2

A, B = "urn:uuid:8f1b5a52-0000-4000-8000-00000000000a", "urn:uuid:8f1b5a52-0000-4000-8000-00000000000b"
MARK = "http://hl7.org/fhir/StructureDefinition/resolve-as-version-specific"


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def post(resource: dict[str, Any], url: str | None = None, **request: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"], **request},
    }
    return made if url is None else {"fullUrl": url, **made}


async def stored(client: httpx2.AsyncClient, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post("", json=bundle(*entries), headers={"prefer": "return=representation"})
    assert answer.status_code == 200, answer.text
    return [e.get("resource", {}) for e in answer.json()["entry"]]


async def test_uris_and_narrative_links_are_rewritten_and_canonicals_and_strings_are_not(
    bench: httpx2.AsyncClient,
) -> None:
    A = "http://old.example/fhir/Binary/1"  # noqa: N806 — an image may not be a urn
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{A}">a</a><img src=\'{A}\' alt="{A}"/></div>'
    consent = {
        "resourceType": "DocumentReference", "status": "current", "text": {"status": "generated", "div": div},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": A}],
        "meta": {"source": A, "profile": ["http://old.example/p", A]},
        "content": [{"attachment": {"url": A, "size": 1}, "format": {"system": A, "code": "x"}}],
        "extension": [{"url": "http://x/e", "valueUri": A}, {"url": "http://x/d", "valueDecimal": 1.50}],
    }  # fmt: skip
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
    made, file = await stored(bench, post(consent), post(binary, A))
    new = f"Binary/{file['id']}"
    assert made["content"][0]["attachment"]["url"] == new
    assert made["extension"][0]["valueUri"] == new
    assert f'href="{new}"' in made["text"]["div"]
    assert f"src='{new}'" in made["text"]["div"]
    assert f'alt="{A}"' in made["text"]["div"]
    assert made["identifier"][0]["value"] == A
    assert made["meta"]["profile"] == ["http://old.example/p", A]
    assert made["meta"]["source"] == new


async def test_a_relative_reference_is_first_one_to_an_entry_with_that_address(
    bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    old = "http://old.example/fhir"
    patient = post({"resourceType": "Patient"}, f"{old}/Patient/7")
    mine = post(an_observation_of("7"), f"{old}/Observation/1")
    versioned = post(
        {**an_observation_of(None), "subject": {"reference": f"{old}/Patient/7/_history/3"}}, f"{old}/Observation/2"
    )
    elsewhere = post({**an_observation_of("7")}, "http://another.example/fhir/Observation/1")
    made = await stored(bench, mine, patient, versioned, elsewhere)
    new = f"Patient/{made[1]['id']}"
    assert [made[n]["subject"]["reference"] for n in (0, 2, 3)] == [new, new, "Patient/7"]


async def test_a_urn_that_is_no_entry_is_refused_by_name_unless_it_is_in_a_document(
    bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    wrong = {**an_observation_of(None), "subject": {"reference": B}}
    answer = await bench.post("", json=bundle(post({"resourceType": "Patient"}, A), post(wrong)))
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Bundle.entry[1]"])
    assert B in answer.text
    inner = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": A, "resource": wrong}]}
    (made,) = await stored(bench, post(inner))
    assert made["entry"][0]["resource"]["subject"]["reference"] == B


async def test_references_that_are_marked_name_the_version_that_is_stored(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    there, changed = await ward.patient(), await ward.patient()
    await bench.put(f"/Patient/{there}", json={"resourceType": "Patient", "id": there})

    def about(reference: str) -> dict[str, Any]:
        mark = [{"url": MARK, "valueBoolean": True}]
        return {**an_observation_of(None), "focus": [{"reference": reference, "extension": mark}]}

    put = {
        "resource": {"resourceType": "Patient", "id": changed},
        "request": {"method": "PUT", "url": f"Patient/{changed}"},
    }
    made = await stored(
        bench,
        post(about(A)), post({"resourceType": "Patient"}, A), post(about(f"Patient/{there}")), put,
        post(about(f"Patient/{changed}")),
    )  # fmt: skip
    focus = [made[n]["focus"][0] for n in (0, 2, 4)]
    assert focus == [
        {"reference": f"Patient/{made[1]['id']}/_history/1"}, {"reference": f"Patient/{there}/_history/2"},
        {"reference": f"Patient/{changed}/_history/2"},
    ]  # fmt: skip
    missing = await bench.post("", json=bundle(post(about("Patient/never"))))
    assert missing.status_code == 400


async def test_a_conditional_reference_may_mean_what_the_same_transaction_writes(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    organization = {"resourceType": "Organization", "name": "New", "identifier": [{"system": "urn:lk", "value": "1"}]}

    def by(query: str) -> dict[str, Any]:
        return post({**an_observation_of(patient), "performer": [{"reference": f"Organization?{query}"}]})

    one, made, two = await stored(
        bench, by("identifier=urn:lk|1"), post(organization, ifNoneExist="name:exact=New"), by("name:exact=New")
    )
    references = {found["performer"][0]["reference"] for found in (one, two)}
    assert references == {f"Organization/{made['id']}"}
    gone = {"request": {"method": "DELETE", "url": f"Organization/{made['id']}"}}
    answer = await bench.post("", json=bundle(by("identifier=urn:lk|1"), gone))
    assert answer.status_code == 412


async def test_a_reference_to_an_entry_of_a_type_that_may_not_stand_there_is_refused(
    bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient, observation = post({"resourceType": "Patient"}, A), post(an_observation_of("x"), B)
    observation["resource"]["subject"] = {"reference": A}
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": {"reference": A}}
    wrong = {**report, "result": [{"reference": A}]}
    answer = await bench.post("", json=bundle(patient, observation, post(wrong)))
    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[2].resource.result[0].reference"]
    right = {**report, "result": [{"reference": B}]}
    assert len(await stored(bench, patient, observation, post(right))) == 3
