"""What one wrote is what one reads: digits, escapes, letters and order stay, only id and meta are ours."""

import json
from typing import Any

import httpx2
import pytest

BODY = (
    r'{"resourceType":"Observation","status":"final","code":{"text":"\u00e5\u00C5 \/ \"x\" \\ \t\n åäöÅÄÖ 漢字 🜂 \ud83d\ude00"},'
    r'"extension":[{"url":"http://example.org/x","valueDecimal":1.10}],'
    r'"component":['
    r'{"code":{"text":"a"},"valueQuantity":{"value":0.010}},'
    r'{"code":{"text":"b"},"valueQuantity":{"value":1e2}},'
    r'{"code":{"text":"c"},"valueQuantity":{"value":-1.50E+3}},'
    r'{"code":{"text":"d"},"valueQuantity":{"value":12345678901234567890.123456789012345678}},'
    r'{"code":{"text":"e"},"valueQuantity":{"value":1e-9}}]}'
)
KEPT = [
    r"\u00e5\u00C5 \/ \"x\" \\ \t\n åäöÅÄÖ 漢字 🜂 \ud83d\ude00",
    '"valueDecimal":1.10}',
    '"value":0.010}',
    '"value":1e2}',
    '"value":-1.50E+3}',
    '"value":12345678901234567890.123456789012345678}',
    '"value":1e-9}',
]
HEADERS = {"content-type": "application/fhir+json"}


def untouched(text: str) -> str:
    """The stored text without what the server puts first."""
    return text[text.index('"status"') :]


@pytest.fixture
async def stored(bench: httpx2.AsyncClient) -> Any:
    answer = await bench.post("/Observation", content=BODY.encode(), headers=HEADERS)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_every_way_of_reading_gives_the_bytes_that_were_written(bench: httpx2.AsyncClient, stored: str) -> None:
    original = untouched(BODY)
    await bench.put(
        f"/Observation/{stored}",
        content=BODY.replace('"status"', f'"id":"{stored}","status"', 1).encode(),
        headers=HEADERS,
    )
    for address in (f"/Observation/{stored}", f"/Observation/{stored}/_history/1"):
        assert untouched((await bench.get(address)).text) == original
    for address in (f"/Observation?_id={stored}", f"/Observation/{stored}/_history"):
        text = (await bench.get(address)).text
        assert all(part in text for part in KEPT), address


async def test_a_transaction_keeps_the_bytes_too(bench: httpx2.AsyncClient) -> None:
    bundle = (
        '{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":'
        + BODY
        + ',"request":{"method":"POST","url":"Observation"}}]}'
    )
    answer = await bench.post("", content=bundle.encode(), headers=HEADERS)
    location = answer.json()["entry"][0]["response"]["location"].partition("/vis/fhir")[2]
    assert untouched((await bench.get(location)).text) == untouched(BODY)


async def test_white_space_between_tokens_goes_and_inside_strings_stays(bench: httpx2.AsyncClient) -> None:
    body = b'{ "resourceType" : "Patient",\r\n "name" : [ { "family" : "a  b : { } , c" } ] }'
    made = await bench.post("/Patient", content=body, headers=HEADERS)
    text = (await bench.get(f"/Patient/{made.json()['id']}")).text
    assert text.endswith('"name":[{"family":"a  b : { } , c"}]}')


async def test_meta_keeps_what_is_the_clients_and_loses_what_is_ours(bench: httpx2.AsyncClient) -> None:
    meta = {
        "versionId": "77",
        "lastUpdated": "1999-01-01T00:00:00Z",
        "profile": ["http://example.org/p"],
        "tag": [{"system": "s", "code": "å"}],
        "source": "urn:here",
    }
    made = (await bench.post("/Patient", json={"resourceType": "Patient", "meta": meta})).json()["meta"]
    assert made["versionId"] == "1"
    assert made["lastUpdated"].startswith("20")
    assert (made["profile"], made["tag"], made["source"]) == (meta["profile"], meta["tag"], meta["source"])


async def test_contained_resources_and_primitive_extensions_come_back(bench: httpx2.AsyncClient) -> None:
    body: dict[str, Any] = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "id": "p1", "name": [{"family": "Åkesson"}]}],
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "#p1"},
        "_effectiveDateTime": {
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
        },
    }
    made = await bench.post("/Observation", json=body)
    assert made.status_code == 201, made.text
    back = json.loads((await bench.get(f"/Observation/{made.json()['id']}")).content)
    assert {k: v for k, v in back.items() if k not in ("id", "meta")} == body
