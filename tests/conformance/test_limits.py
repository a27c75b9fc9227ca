"""The limits of docs/reference/conformance.md, each met just beyond it; and input that once broke something."""

from typing import Any
from urllib.parse import quote

import pytest
from made.answers import fault

JSON, XML = {"content-type": "application/fhir+json"}, {"content-type": "application/fhir+xml"}
DIV = "<div xmlns='http://www.w3.org/1999/xhtml'>{}</div>"


def nested(depth: int) -> dict[str, Any]:
    extension: dict[str, Any] = {"url": "x", "valueBoolean": True}
    for _ in range(depth):
        extension = {"url": "x", "extension": [extension]}
    return {"resourceType": "Patient", "extension": [extension]}


@pytest.mark.parametrize(
    ("search", "code"),
    [
        ("_id=" + ",".join(["x"] * 10_001), "too-costly"),
        ("_list=" + ",".join(["x"] * 10_001), "too-costly"),
        ("family=" + ",".join(["x"] * 10_001), "too-costly"),
        ("link:Patient." * 9 + "name=x", "too-costly"),
        ("_has:Patient:link:" * 9 + "name=x", "too-costly"),
        ("_filter=" + quote(" and ".join(["name eq x"] * 201)), "too-costly"),
        ("_filter=" + quote("(" * 33 + "name eq x" + ")" * 33), "too-costly"),
    ],
)
async def test_a_search_that_asks_too_much_is_told_so(doors: Any, search: str, code: str) -> None:
    answer = await doors.vis.get(f"/Patient?{search}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, code)
    assert len(answer.text) < 1000


async def test_a_list_of_10_000_values_is_answered(doors: Any) -> None:
    values = ",".join(f"x{n}" for n in range(10_000))
    for name in ("_id", "family", "general-practitioner", "identifier"):
        answer = await doors.vis.post("/Patient/_search", data={name: values})
        assert (answer.status_code, answer.json()["total"]) == (200, 0), name


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (nested(32), 422, "too-long"),
        (
            {"resourceType": "Patient", "text": {"status": "generated", "div": DIV.format("x" * 1_048_576)}},
            422,
            "invariant",
        ),
        ({"resourceType": "Patient", "name": [{"family": "x" * 1_048_577}]}, 422, "too-long"),
    ],
)
async def test_a_resource_that_is_too_much_is_told_so(doors: Any, body: Any, status: int, code: str) -> None:
    answer = await doors.vis.post("/Patient", json=body)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code), answer.text[:300]


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'{"a":' * 1_000_000, b'{"resourceType":"Patient","x":' + b"[" * 100_000]
)
async def test_what_never_ends_is_refused_at_every_address(doors: Any, body: bytes) -> None:
    for path in ("", "/Patient", "/Patient/x/$meta-add", "/$graphql"):
        answer = await doors.vis.post(path, content=body, headers=JSON)
        assert 400 <= answer.status_code < 500, (path, answer.text[:300])
        assert fault(answer) == ""
    judged = await doors.vis.post("/Patient/$validate", content=body, headers=JSON)  # its answer is what is wrong
    assert judged.json()["issue"][0]["severity"] == "error"


async def test_bytes_that_are_no_text_inside_a_bundle_are_refused(doors: Any) -> None:
    body = b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:\xd2\x00"}]}'
    assert (await doors.vis.post("", content=body, headers=JSON)).status_code == 400


@pytest.mark.parametrize("path", ["", "/Patient", "/Patient/$validate"])
async def test_a_narrative_alone_is_no_resource(doors: Any, path: str) -> None:
    answer = await doors.vis.post(path, content=DIV.format("x").encode(), headers=XML)
    assert answer.status_code == 400
    assert fault(answer) == ""


async def test_a_narrative_with_single_quotes_is_well_formed_in_xml(doors: Any) -> None:
    body = {"resourceType": "Patient", "text": {"status": "generated", "div": DIV.format("x")}}
    id = (await doors.vis.post("/Patient", json=body)).json()["id"]
    as_xml = await doors.vis.get(f"/Patient/{id}", headers={"accept": "application/fhir+xml"})
    again = await doors.vis.put(f"/Patient/{id}", content=as_xml.content, headers=XML)
    assert again.status_code == 200, again.text
