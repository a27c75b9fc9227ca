"""HL7's own FHIRPath tests for R4, every one of them; what we answer differently stands in one table with its reason."""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from fhircore.fhirpath import PathError, compile_nodes
from fhircore.fhirpath.functions.conversions import to_string
from fhircore.fhirpath.functions.tree import system_type
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.values import system, truth
from fhircore.xml import from_xml

SUITE = Path(__file__).parents[3] / ".." / "shared" / "data" / "fhirpath"
TESTS = SUITE / "tests-fhir-r4.xml"

# test → why our answer is another one. A test here must fail: an entry that has become true is an error too.
DEVIATIONS: dict[str, str] = {}

pytestmark = pytest.mark.skipif(not TESTS.is_file(), reason="../shared/data/fhirpath is not there")


def cases() -> list[Any]:
    if not TESTS.is_file():
        return []
    found = []
    for number, test in enumerate(ElementTree.parse(TESTS).iter("test")):
        name = test.attrib["name"]
        found.append(pytest.param(test, id=f"{name}-{number}"))
    return found


@cache
def resource(name: str) -> dict[str, Any]:
    """The input as JSON data; XML through our own reader."""
    raw = (SUITE / name).read_bytes()
    if name.endswith(".xml"):
        return from_xml(raw)
    return msgspec.json.Decoder(float_hook=Decimal).decode(raw)


def shown(item: Any) -> str:
    value = system(item)
    text = to_string(value)
    assert text is not None, f"{value} has no text"
    return f"@{'T' if value.kind == 'Time' else ''}{text}" if value.__class__ is Moment else text


def type_of(item: Any) -> str:
    if item.__class__ is Node:
        return item.type
    name = system_type(item)
    return name if name == "Quantity" else name[0].lower() + name[1:]


def evaluate(test: ElementTree.Element) -> list[Any]:
    """Always strict, so that what the suite calls a semantic error is found without looking at the data."""
    data = resource(test.attrib.get("inputfile", "patient-example.xml"))
    expression = test.find("expression").text or ""
    found = compile_nodes(expression, type_name=data["resourceType"], strict=True)(data)
    return [truth(found, "predicate") is not None] if test.attrib.get("predicate") == "true" else found


def verdict(test: ElementTree.Element) -> str:
    """Empty when our answer is the one expected."""
    invalid = test.find("expression").attrib.get("invalid")
    try:
        found = evaluate(test)
    except PathError as error:
        return "" if invalid else f"refused: {error}"
    if invalid:
        return f"an error was expected ({invalid}), not {found}"
    expected = [(each.attrib.get("type"), each.text or "") for each in test.findall("output")]
    answers = [(type_of(item), shown(item)) for item in found]
    if test.attrib.get("ordered") == "false":
        answers.sort(), expected.sort()
    if [text for _, text in answers] != [text for _, text in expected]:
        return f"{answers} instead of {expected}"
    wrong = [(got, want) for (got, _), (want, _) in zip(answers, expected, strict=True) if want not in (None, got)]
    return f"types differ: {wrong}" if wrong else ""


@pytest.mark.parametrize("test", cases())
def test_the_official_case_gives_what_hl7_expects_or_is_listed_with_a_reason(test: ElementTree.Element) -> None:
    found = verdict(test)
    if test.attrib["name"] in DEVIATIONS:
        assert found, f"{test.attrib['name']} now passes: take it out of DEVIATIONS"
    else:
        assert found == ""


def test_every_deviation_names_a_test_of_the_suite_and_has_a_reason() -> None:
    names = {test.attrib["name"] for test in ElementTree.parse(TESTS).iter("test")}
    assert DEVIATIONS.keys() <= names
    assert all(DEVIATIONS.values())
