"""JSON and XML at the same addresses: what is sent as one is read back as the other, equal in content."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from fhircore.types import TYPES
from fhircore.xml import from_xml, to_xml
from fhirserver.negotiating import PLAIN, Form, form_of
from fhirserver.problems import NotAcceptable

EXAMPLES = Path(__file__).parents[4] / "shared" / "data" / "r4-examples"
XML = "application/fhir+xml"
NAMESPACE = "{http://hl7.org/fhir}"


def content(resource: dict[str, Any]) -> dict[str, Any]:
    """Without what the server sets."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    rest = {k: v for k, v in resource.items() if k not in ("id", "meta")}
    return {**rest, "meta": meta} if meta else rest


def examples() -> Iterator[Path]:
    yield from sorted(EXAMPLES.glob("*.json"))


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the shared examples are not here")
async def test_every_example_sent_as_xml_is_read_back_the_same_as_json_and_as_xml(bench: httpx2.AsyncClient) -> None:
    seen = 0
    for path in examples():
        resource = json.loads(path.read_text(), parse_float=Decimal)
        if TYPES[resource["resourceType"]].door not in ("vis", "both"):
            continue
        resource["id"] = f"xml-{seen}"
        answer = await bench.put(
            f"/{resource['resourceType']}/{resource['id']}", content=to_xml(resource), headers={"content-type": XML}
        )
        if answer.status_code == 422:  # this example is refused as JSON too
            assert (
                await bench.put(
                    f"/{resource['resourceType']}/{resource['id']}",
                    content=path.read_bytes().replace(path.stem.partition("-")[2].encode(), resource["id"].encode()),
                )
            ).status_code in (400, 422), path.name
            continue
        assert answer.status_code == 201, (path.name, answer.text)
        address = f"/{resource['resourceType']}/{resource['id']}"
        as_json = await bench.get(address)
        as_xml = await bench.get(address, headers={"accept": XML})
        assert as_json.headers["content-type"].startswith("application/fhir+json")
        assert as_xml.headers["content-type"].startswith(XML)
        stored = json.loads(as_json.text, parse_float=Decimal)
        assert content(stored) == content(resource), path.name
        assert from_xml(as_xml.content) == stored, path.name
        seen += 1
    assert seen > 100


async def test_digits_of_a_decimal_are_kept_both_ways(bench: httpx2.AsyncClient) -> None:
    xml = b"""<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="x"/></code>
        <valueQuantity><value value="1.50"/></valueQuantity></Observation>"""
    answer = await bench.post("/Observation", content=xml, headers={"content-type": XML})
    assert answer.status_code == 201, answer.text
    assert b'"value":1.50' in (await bench.get(f"/Observation/{answer.json()['id']}")).content
    again = await bench.get(f"/Observation/{answer.json()['id']}?_format=xml")
    assert b'<value value="1.50"/>' in again.content


async def test_search_history_and_metadata_are_answered_as_xml(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient(name=[{"family": "Xmlsson"}])
    for address, root in (
        (f"/Patient?_id={patient}", "Bundle"), (f"/Patient/{patient}/_history", "Bundle"), ("/metadata", "CapabilityStatement"),
        (f"/Patient/{patient}/$everything", "Bundle"), (f"/Patient/{patient}/_history/1", "Patient"),
    ):  # fmt: skip
        answer = await bench.get(address, headers={"accept": XML})
        assert answer.status_code == 200, answer.text
        assert ElementTree.fromstring(answer.content).tag == NAMESPACE + root
        assert from_xml(answer.content)["resourceType"] == root


async def test_a_transaction_goes_in_and_out_as_xml(bench: httpx2.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:6a3b1a3e-55e8-4a0c-8b0e-1f5a0a3cf0aa",
                "resource": {"resourceType": "Patient", "name": [{"family": "Paketsson"}]},
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "resource": {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "längd"},
                    "subject": {"reference": "urn:uuid:6a3b1a3e-55e8-4a0c-8b0e-1f5a0a3cf0aa"},
                },
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
    answer = await bench.post("", content=to_xml(bundle), headers={"content-type": XML, "accept": XML})
    assert answer.status_code == 200, answer.text
    told = from_xml(answer.content)
    assert [entry["response"]["status"] for entry in told["entry"]] == ["201 Created", "201 Created"]


async def test_refusals_speak_the_form_that_was_asked_for(bench: httpx2.AsyncClient) -> None:
    answer = await bench.get("/Patient/none", headers={"accept": XML})
    assert answer.status_code == 404
    assert from_xml(answer.content)["issue"][0]["code"] == "not-found"
    broken = await bench.post("/Patient", content=b"<Patient", headers={"content-type": XML, "accept": XML})
    assert broken.status_code == 400
    assert from_xml(broken.content)["resourceType"] == "OperationOutcome"
    unknown = b'<Patient xmlns="http://hl7.org/fhir"><shoeSize value="42"/></Patient>'
    refused = await bench.post("/Patient", content=unknown, headers={"content-type": XML})
    assert refused.status_code == 400
    assert "shoeSize" in refused.json()["issue"][0]["diagnostics"]


async def test_a_form_nobody_writes_is_refused_by_name(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    for asked in ({"headers": {"accept": "text/turtle"}}, {"params": {"_format": "ttl"}},
                  {"headers": {"accept": "application/fhir+json; fhirVersion=3.0"}}):  # fmt: skip
        answer = await bench.get(f"/Patient/{patient}", **asked)
        assert answer.status_code == 406, answer.text
        assert answer.json()["issue"][0]["code"] == "not-supported"
    body = await bench.post("/Patient", content=b"x", headers={"content-type": "text/turtle"})
    assert body.status_code == 415


async def test_format_in_the_address_goes_before_accept_and_stays_in_the_links(
    bench: httpx2.AsyncClient, ward: Any
) -> None:
    for _ in range(3):
        await ward.patient(name=[{"family": "Länksson"}])
    answer = await bench.get(
        "/Patient?family=Länksson&_count=2&_format=xml", headers={"accept": "application/fhir+json"}
    )
    links = {link["relation"]: link["url"] for link in from_xml(answer.content)["link"]}
    assert all("_format=xml" in url for url in links.values())
    following = await bench.get(links["next"])
    assert len(from_xml(following.content)["entry"]) == 1


async def test_pretty_json_says_the_same_on_more_lines(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient(name=[{"family": "Prydlig"}])
    plain = await bench.get(f"/Patient/{patient}")
    pretty = await bench.get(f"/Patient/{patient}?_pretty=true")
    assert plain.json() == pretty.json()
    assert len(pretty.text.splitlines()) > 5 > len(plain.text.splitlines())
    as_xml = await bench.get(f"/Patient/{patient}?_pretty=true&_format=xml")
    assert len(as_xml.text.splitlines()) > 5
    assert from_xml(as_xml.content) == plain.json()
    assert (await bench.get(f"/Patient/{patient}?_pretty=maybe")).status_code == 400


async def test_a_search_by_post_may_ask_for_xml_in_its_form(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    answer = await bench.post("/Patient/_search", data={"_id": patient, "_format": "xml"})
    assert from_xml(answer.content)["total"] == 1


async def test_xml_attacks_are_refused(bench: httpx2.AsyncClient) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]><Patient xmlns="http://hl7.org/fhir"><id value="&b;"/></Patient>'
    answer = await bench.post("/Patient", content=bomb, headers={"content-type": XML})
    assert answer.status_code == 400
    deep = b'<Patient xmlns="http://hl7.org/fhir">' + b"<extension>" * 5000
    assert (await bench.post("/Patient", content=deep, headers={"content-type": XML})).status_code == 400


def test_the_most_wanted_form_wins() -> None:
    assert form_of({}, "") is PLAIN
    assert form_of({b"accept": b"application/fhir+json"}, "name=a") == PLAIN
    assert form_of({b"accept": b"application/fhir+xml;q=0.5, application/fhir+json;q=0.9"}, "") == PLAIN
    assert form_of({b"accept": b"application/fhir+json;q=0.5, application/fhir+xml"}, "") == Form(xml=True)
    assert form_of({b"accept": b"text/html, */*;q=0.1"}, "") == PLAIN
    assert form_of({b"accept": b"text/turtle"}, "_format=application/fhir%2Bxml").xml
    assert form_of({}, "_format=application/fhir+xml").xml
    with pytest.raises(NotAcceptable):
        form_of({b"accept": b"application/fhir+json;q=0"}, "")
