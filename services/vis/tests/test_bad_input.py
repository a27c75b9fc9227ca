"""Bad input gets its coded refusal at once and hurts nobody (issue: Bad input)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

JSON = {"content-type": "application/fhir+json"}


def deep(levels: int) -> bytes:
    return (
        b'{"resourceType":"Patient","extension":' + b'[{"url":"x","extension":' * levels + b"[]" + b"}]" * levels + b"}"
    )


LONG = b"x" * 1_100_000
BODIES: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n ",
    "no JSON": b"<Patient/>",
    "cut off": b'{"resourceType":"Patient"',
    "two values": b'{"resourceType":"Patient"}{"resourceType":"Patient"}',
    "trailing comma": b'{"resourceType":"Patient",}',
    "single quotes": b"{'resourceType':'Patient'}",
    "byte order mark": b'\xef\xbb\xbf{"resourceType":"Patient"}',
    "Latin-1": b'{"resourceType":"Patient","name":[{"family":"\xe5"}]}',
    "UTF-16": '{"resourceType":"Patient"}'.encode("utf-16"),
    "lone surrogate": b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
    "surrogate in UTF-8": b'{"resourceType":"Patient","name":[{"family":"\xed\xa0\x80"}]}',
    "NUL": b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
    "NUL in an identifier": b'{"resourceType":"Patient","identifier":[{"system":"a","value":"a\\u0000"}]}',
    "NUL in a key": b'{"resourceType":"Patient","na\\u0000me":1}',
    "raw control character": b'{"resourceType":"Patient","name":[{"family":"a\x01b"}]}',
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b'"Patient"',
    "no type": b"{}",
    "type of another kind": b'{"resourceType":7}',
    "unknown type": b'{"resourceType":"Nonsense"}',
    "another type": b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}',
    "unknown element": b'{"resourceType":"Patient","nonsense":1}',
    "a quote in an element's name": b'{"resourceType":"Patient","a\\"b":1}',
    "text for a boolean": b'{"resourceType":"Patient","active":"true"}',
    "object for a list": b'{"resourceType":"Patient","name":{"family":"x"}}',
    "empty list": b'{"resourceType":"Patient","name":[]}',
    "null in a list": b'{"resourceType":"Patient","name":[null]}',
    "unknown code": b'{"resourceType":"Patient","gender":"x"}',
    "meta that is no object": b'{"resourceType":"Patient","meta":7}',
    "huge exponent": b'{"resourceType":"Patient","multipleBirthInteger":1e999}',
    "huge number": b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 400 + b"}",
    "very huge number": b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 10_000 + b"}",
    "not a number": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "duplicate key": b'{"resourceType":"Patient","active":true,"active":false}',
    "duplicate key inside": b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}',
    "duplicate key in disguise": b'{"resourceType":"Patient","name":[{"family":"a","f\\u0061mily":"b"}]}',
    "duplicate key behind an escaped quote": b'{"resourceType":"Patient","name":[{"family":"\\u0022:","family":"b"}]}',
    "100 deep": deep(100),
    "10,000 deep": deep(10_000),
    "deep arrays": b'{"resourceType":"Patient","name":' + b"[" * 500 + b"]" * 500 + b"}",
    "endless arrays": b"[" * 1_000_000,
    "endless objects": b'{"a":' * 1_000_000,
    "string above the limit": b'{"resourceType":"Patient","name":[{"family":"' + LONG + b'"}]}',
}


@pytest.fixture(autouse=True)
async def others_are_served(bench: httpx2.AsyncClient) -> AsyncIterator[None]:
    yield
    assert (await bench.get("/Patient?_id=nobody")).status_code == 200


def refusal(answer: httpx2.Response) -> dict[str, Any]:
    """The OperationOutcome of a refusal, after checking that it is one."""
    assert 400 <= answer.status_code < 500, answer.text[:500]
    told: dict[str, Any] = answer.json()
    assert told["resourceType"] == "OperationOutcome"
    for issue in told["issue"]:
        assert issue["severity"] in ("error", "fatal")
        assert issue["code"]
        assert issue["diagnostics"]
        assert len(issue["diagnostics"]) < 500
    return told


@pytest.mark.parametrize("what", BODIES)
async def test_a_bad_body_is_refused_on_every_way_in(bench: httpx2.AsyncClient, what: str) -> None:
    body = BODIES[what]
    refusal(await bench.post("/Patient", content=body, headers=JSON))
    refusal(await bench.put("/Patient/bad", content=body, headers=JSON))
    refusal(await bench.post("", content=body, headers=JSON))
    for kind in (b"transaction", b"batch"):
        bundle = (
            b'{"resourceType":"Bundle","type":"' + kind + b'","entry":[{"resource":' + (body or b" ")
            + b',"request":{"method":"POST","url":"Patient"}}]}'
        )  # fmt: skip
        answer = await bench.post("", content=bundle, headers=JSON)
        if answer.status_code == 200:
            assert kind == b"batch"
            assert answer.json()["entry"][0]["response"]["status"].startswith("4"), what
        else:
            refusal(answer)
    assert (await bench.get("/Patient/bad")).status_code == 404


async def test_nothing_of_a_refused_value_stands_in_the_refusal(bench: httpx2.AsyncClient) -> None:
    secret = "19121212-1212-HEMLIG"
    for body in (
        {"resourceType": "Patient", "birthDate": secret},
        {"resourceType": "Patient", "gender": secret},
        {"resourceType": "Patient", "active": secret},
    ):
        answer = await bench.post("/Patient", json=body)
        refusal(answer)
        assert secret not in answer.text
    broken = ('{"resourceType":"Patient","name":[{"family":"' + secret + '"').encode()
    assert secret not in (await bench.post("/Patient", content=broken, headers=JSON)).text
    assert secret not in (await bench.get(f"/Patient?birthdate={secret}")).text


async def test_60_megabytes_are_refused_whether_announced_or_not(bench: httpx2.AsyncClient) -> None:
    chunk = b" " * 1_000_000

    async def body() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield chunk

    announced = await bench.post("/Patient", content=chunk * 60, headers=JSON)
    unannounced = await bench.post("/Patient", content=body(), headers=JSON)
    for answer in (announced, unannounced):
        assert answer.status_code == 413
        assert refusal(answer)["issue"][0]["code"] == "too-long"


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "x",
    ],
)
async def test_a_content_type_that_is_not_read_is_refused(bench: httpx2.AsyncClient, kind: str) -> None:
    headers = {"content-type": kind}
    for answer in (
        await bench.post("/Patient", content=b"<Patient/>", headers=headers),
        await bench.put("/Patient/x", content=b"<Patient/>", headers=headers),
        await bench.post("", content=b"<Bundle/>", headers=headers),
        await bench.post("/Patient/_search", content=b"<x/>", headers=headers),
    ):
        assert answer.status_code == 415
        refusal(answer)


async def test_a_form_is_read_by_a_search_only(bench: httpx2.AsyncClient) -> None:
    assert (await bench.post("/Patient", data={"_id": "x"})).status_code == 415
    assert (await bench.post("/Patient/_search", data={"_id": "x"})).status_code == 200


async def test_json_without_the_fhir_name_and_with_a_charset_is_read(bench: httpx2.AsyncClient) -> None:
    for kind in ("application/json", "application/fhir+json; charset=UTF-8", "APPLICATION/FHIR+JSON;fhirVersion=4.0"):
        answer = await bench.post("/Patient", content=b'{"resourceType":"Patient"}', headers={"content-type": kind})
        assert answer.status_code == 201, kind


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Nonsense", 404), ("GET", "/Nonsense/1", 404), ("POST", "/Nonsense", 404), ("GET", "/patient/1", 404),
        ("GET", "/Patient/1/2", 404), ("GET", "/Patient/1/_history/x", 404), ("GET", "/Patient/1/_history/99999999999", 404),
        ("GET", "/Patient/1/$nonsense", 405), ("GET", "/Observation/1/$everything", 405), ("GET", "/Patient/$everything", 405),
        ("DELETE", "/Patient", 405), ("PUT", "/Patient", 405), ("POST", "/Patient/1", 405), ("POST", "/_history", 405),
        ("POST", "/Patient/_history", 405), ("GET", "/%00", 404), ("GET", "/%FF%FE", 404), ("GET", "/Patient/%F0%9F%98%80", 400),
    ],
)  # fmt: skip
async def test_an_address_that_is_none_is_refused(
    bench: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await bench.request(
        method, path, **({"json": {"resourceType": "Patient", "id": "1"}} if method[0] == "P" else {})
    )
    assert answer.status_code == status
    refusal(answer)


async def test_strings_and_identifiers_at_the_limit_are_stored_and_found(ward: Any, bench: httpx2.AsyncClient) -> None:
    text = "Å" * 1_000_000
    id = await ward.patient(name=[{"family": text}], identifier=[{"system": "urn:long", "value": "V" * 100_000}])
    assert json.loads((await bench.get(f"/Patient/{id}")).content)["name"][0]["family"] == text
    assert await ward.ids("/Patient?family=" + "A" * 50) == [id]
    found = await bench.post("/Patient/_search", data={"identifier": "urn:long|" + "V" * 100_000})
    assert [e["resource"]["id"] for e in found.json()["entry"]] == [id]


async def test_nesting_of_60_is_taken(bench: httpx2.AsyncClient) -> None:
    extension: dict[str, Any] = {"url": "x", "valueBoolean": True}
    for _ in range(28):
        extension = {"url": "x", "extension": [extension]}
    answer = await bench.post("/Patient", json={"resourceType": "Patient", "extension": [extension]})
    assert answer.status_code == 201, answer.text
