"""HL7's own FHIRPath Patch and JSON Patch tests; what we answer differently stands in one table with its reason."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from fhircore.json_patch import json_patch
from fhircore.outcome import InvalidFHIR
from fhircore.patch import fhirpath_patch
from fhircore.xml import from_xml

SUITE = Path(__file__).parents[3] / ".." / "shared" / "data" / "fhir-patch"

# case → why our answer is another one. A case here must fail: an entry that has become true is an error too.
DEVIATIONS: dict[str, str] = {}

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="../shared/data/fhir-patch is not there")


def resource(element: ElementTree.Element | None) -> dict[str, Any] | None:
    return None if element is None else from_xml(ElementTree.tostring(element[0], encoding="utf-8"))


def without_layout(value: Any) -> Any:
    """Line breaks and indentation between the tags of a narrative are layout in the suite's files."""
    if isinstance(value, dict):
        return {key: without_layout(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_layout(part) for part in value]
    if isinstance(value, str) and value.lstrip().startswith("<div"):
        canonical = ElementTree.canonicalize(value, rewrite_prefixes=True)
        return re.sub(r"\s*(<[^>]*>)\s*", r"\1", re.sub(r"\s+", " ", canonical))
    return value


def fhirpath_cases() -> list[Any]:
    path = SUITE / "fhir-patch-tests.xml"
    if not path.is_file():
        return []
    return [pytest.param(case, id=case.attrib["name"]) for case in ElementTree.parse(path).getroot()]


def json_cases() -> list[Any]:
    path = SUITE / "json-patch-tests.json"
    if not path.is_file():
        return []
    cases = msgspec.json.Decoder(float_hook=Decimal).decode(path.read_bytes())
    return [pytest.param(case, id=case["comment"]) for case in cases]


def fhirpath_verdict(case: ElementTree.Element) -> str:
    before, operations = resource(case.find("input")), resource(case.find("diff"))
    untouched = msgspec.json.encode(before)
    try:
        found = fhirpath_patch(before, operations)
    except InvalidFHIR as error:
        return "" if case.find("error") is not None else f"refused: {error.issues}"
    assert msgspec.json.encode(before) == untouched
    if case.find("error") is not None:
        return "an error was expected"
    expected = resource(case.find("output"))
    return "" if without_layout(found) == without_layout(expected) else f"{found} instead of {expected}"


@pytest.mark.parametrize("case", fhirpath_cases())
def test_the_official_fhirpath_patch_gives_what_hl7_expects_or_is_listed(case: ElementTree.Element) -> None:
    found = fhirpath_verdict(case)
    assert bool(found) == (case.attrib["name"] in DEVIATIONS), found


@pytest.mark.parametrize("case", json_cases())
def test_the_official_json_patch_gives_what_hl7_expects(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(InvalidFHIR):
            json_patch(case["doc"], case["patch"])
    else:
        assert json_patch(case["doc"], case["patch"]) == case["expected"]
