"""HL7's own examples of R4, each stored and read back at the door where its type is written, in JSON and in XML."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhircore.xml import from_xml, to_xml

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "data" / "r4-examples"
JSON, XML = {"content-type": "application/fhir+json"}, {"content-type": "application/fhir+xml"}

# example → (status of its PUT, why it is not kept as it is). One that has become true is an error too.
DEVIATIONS = {
    "OperationOutcome-101": (
        405,
        "an OperationOutcome is an answer and no record: no door keeps one (contracts/fhir/types.csv)",
    ),
    "OperationOutcome-exception": (405, "an OperationOutcome is an answer and no record"),
    "Subscription-example-error": (
        201,
        "a live channel: status and error are the server's to say, and the secret in its header is not shown",
    ),
}

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="../shared/data/r4-examples is not there")
CASES = [pytest.param(path.stem, path.read_bytes(), id=path.stem) for path in sorted(EXAMPLES.glob("*.json"))]


def exact(raw: bytes | str) -> Any:
    """JSON as data in which 1.0 is not 1.00 and members have an order."""
    return json.loads(raw, parse_float=lambda text: ("number", text), object_pairs_hook=_in_order)


def _in_order(pairs: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(pairs)


def content(document: tuple[tuple[str, Any], ...]) -> list[tuple[str, Any]]:
    """Without what the server says of it: id, and meta but for the client's part."""
    ours = ("versionId", "lastUpdated")
    found = []
    for name, value in document:
        if name in ("id", "resourceType"):
            continue
        kept = tuple(pair for pair in value if pair[0] not in ours) if name == "meta" else value
        if kept != ():
            found.append((name, kept))
    return sorted(found, key=lambda pair: pair[0] == "meta")  # meta is written first, wherever it stood


@pytest.mark.parametrize(("name", "raw"), CASES)
async def test_an_example_is_read_back_with_every_digit_in_its_place(doors: Any, name: str, raw: bytes) -> None:
    sent = json.loads(raw)
    address = f"/{sent['resourceType']}/{sent['id']}"
    by = doors.of(sent["resourceType"])
    told = await by.put(address, content=raw, headers=JSON)
    if name in DEVIATIONS:
        assert told.status_code == DEVIATIONS[name][0], told.text
        assert told.status_code >= 400 or content(exact((await by.get(address)).text)) != content(exact(raw))
        return
    assert told.status_code in (200, 201), told.text
    back = await by.get(address)
    assert content(exact(back.text)) == content(exact(raw))


@pytest.mark.parametrize(("name", "raw"), CASES)
async def test_an_example_is_written_and_read_in_xml_as_in_json(doors: Any, name: str, raw: bytes) -> None:
    sent = json.loads(raw, parse_float=Decimal)
    by, id = doors.of(sent["resourceType"]), f"xml-{sent['id']}"[:64]
    address = f"/{sent['resourceType']}/{id}"
    told = await by.put(address, content=to_xml({**sent, "id": id}), headers=XML)
    if name in DEVIATIONS:
        assert told.status_code == DEVIATIONS[name][0], told.text
        return
    assert told.status_code in (200, 201), told.text
    as_json, as_xml = await by.get(address), await by.get(address, headers={"accept": "application/fhir+xml"})
    assert as_xml.headers["content-type"] == "application/fhir+xml;charset=utf-8"
    stored = json.loads(as_json.content, parse_float=Decimal)
    assert without_ours(stored) == without_ours(sent)
    assert without_ours(from_xml(as_xml.content)) == without_ours(sent)


def without_ours(resource: dict[str, Any]) -> dict[str, Any]:
    """Its content; in a narrative, how white space and quotes are written is left to XML."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    found = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    found |= {"meta": meta} if meta else {}
    return _narratives(found)


def _narratives(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _narratives(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_narratives(part) for part in value]
    if isinstance(value, str) and value.lstrip().startswith("<div"):
        return re.sub(r"\s+", " ", value.strip())
    return value


def test_every_deviation_is_an_example_and_has_a_reason() -> None:
    assert DEVIATIONS.keys() <= {path.stem for path in EXAMPLES.glob("*.json")}
    assert all(reason for _, reason in DEVIATIONS.values())
