"""FHIRPath Patch and JSON Patch beyond HL7's cases: primitives with extensions, choices, refusals with their place."""

import copy
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from fhircore.json_patch import json_patch
from fhircore.outcome import InvalidFHIR
from fhircore.patch import fhirpath_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "Berg", "given": ["Eva", None, "Li"], "_given": [None, {"id": "x"}, None]}],
    "birthDate": "1970-03-01",
    "_birthDate": {"extension": [{"url": "urn:time", "valueTime": "10:00:00"}]},
    "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "Ek"}}, {"gender": "male"}],
}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    """Parts by name; what is a dict is the part itself, without its name."""
    found = []
    for operation in operations:
        parts = []
        for name, value in operation.items():
            key = "valueInteger" if isinstance(value, int) else "valueCode" if name == "type" else "valueString"
            parts.append({"name": name, **(value if isinstance(value, dict) else {key: value})})
        found.append({"name": "operation", "part": parts})
    return {"resourceType": "Parameters", "parameter": found}


def patched(*operations: dict[str, Any], resource: dict[str, Any] = PATIENT) -> dict[str, Any]:
    before = copy.deepcopy(resource)
    found = fhirpath_patch(resource, parameters(*operations))
    assert resource == before
    return found


def refusal(*operations: dict[str, Any]) -> tuple[str, str | None]:
    before = copy.deepcopy(PATIENT)
    with pytest.raises(InvalidFHIR) as refused:
        fhirpath_patch(PATIENT, parameters(*operations))
    assert before == PATIENT
    (issue,) = refused.value.issues
    assert issue.at is not None
    assert issue.at.startswith("Parameters.parameter[")
    return issue.code, issue.at


def test_a_list_of_primitives_keeps_its_extensions_beside_the_right_values() -> None:
    path = "Patient.name[0].given"
    inserted = patched({"type": "insert", "path": path, "index": 0, "value": {"valueString": "Ann"}})
    assert inserted["name"][0]["given"] == ["Ann", "Eva", None, "Li"]
    assert inserted["name"][0]["_given"] == [None, None, {"id": "x"}, None]
    moved = patched({"type": "move", "path": path, "source": 2, "destination": 0})
    assert moved["name"][0]["given"] == ["Li", "Eva", None]
    assert moved["name"][0]["_given"] == [None, None, {"id": "x"}]
    deleted = patched({"type": "delete", "path": "Patient.name[0].given[1]"})
    assert deleted["name"][0]["given"] == ["Eva", "Li"]
    assert "_given" not in deleted["name"][0]


def test_replacing_a_primitive_replaces_its_extensions_too() -> None:
    found = patched({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "1971"}})
    assert found["birthDate"] == "1971"
    assert "_birthDate" not in found
    extended = {"valueDate": "1971", "_valueDate": {"id": "a"}}
    found = patched({"type": "replace", "path": "Patient.birthDate", "value": extended})
    assert found["_birthDate"] == {"id": "a"}


def test_an_extension_of_a_primitive_is_added_and_deleted() -> None:
    extension = {"valueBoolean": True}
    added = patched(
        {"type": "add", "path": "Patient.name[0].family", "name": "extension", "value": {"part": [
            {"name": "url", "valueUri": "urn:e"}, {"name": "value", **extension}]}},
    )  # fmt: skip
    assert added["name"][0]["_family"] == {"extension": [{"url": "urn:e", "valueBoolean": True}]}
    deleted = patched({"type": "delete", "path": "Patient.birthDate.extension('urn:time')"})
    assert deleted["birthDate"] == "1970-03-01"
    assert "_birthDate" not in deleted


def test_a_choice_changes_its_name_with_its_type() -> None:
    found = patched({"type": "replace", "path": "Patient.multipleBirth", "value": {"valueBoolean": True}})
    assert found["multipleBirthBoolean"] is True
    assert "multipleBirthInteger" not in found
    added = patched(
        {"type": "delete", "path": "Patient.multipleBirth"},
        {"type": "add", "path": "Patient", "name": "multipleBirth", "value": {"valueInteger": 3}},
    )
    assert added["multipleBirthInteger"] == 3


def test_an_element_that_loses_its_last_content_disappears_with_its_parents() -> None:
    found = patched({"type": "delete", "path": "Patient.contact[0].name.family"})
    assert found["contact"] == [{"gender": "male"}]


def test_deleting_what_is_not_there_is_no_error() -> None:
    assert patched({"type": "delete", "path": "Patient.deceased"}) == PATIENT


def test_decimals_keep_their_digits() -> None:
    observation = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("1.10")}}
    found = patched(
        {"type": "add", "path": "Observation", "name": "component", "value": {"part": [
            {"name": "value", "valueQuantity": {"value": Decimal("2.500")}}]}},
        resource=observation,
    )  # fmt: skip
    text = msgspec.json.Encoder(decimal_format="number").encode(found).decode()
    assert '"value":1.10' in text
    assert '"component":[{"valueQuantity":{"value":2.500}}]' in text


def test_a_contained_resource_is_added_as_a_resource() -> None:
    inner = {"resourceType": "Organization", "id": "o"}
    found = patched({"type": "add", "path": "Patient", "name": "contained", "value": {"resource": inner}})
    assert found["contained"] == [inner]


def test_anonymous_values_nest_and_repeat() -> None:
    value = {
        "part": [
            {"name": "linkId", "valueString": "1"},
            {"name": "code", "valueCoding": {"code": "a"}},
            {"name": "code", "valueCoding": {"code": "b"}},
            {"name": "item", "part": [{"name": "linkId", "valueString": "1.1"}, {"name": "initial", "part": [
                {"name": "value", "valueBoolean": False}]}]},
        ]
    }  # fmt: skip
    found = patched(
        {"type": "add", "path": "Questionnaire", "name": "item", "value": value},
        resource={"resourceType": "Questionnaire"},
    )
    assert found["item"] == [
        {
            "linkId": "1",
            "code": [{"code": "a"}, {"code": "b"}],
            "item": [{"linkId": "1.1", "initial": [{"valueBoolean": False}]}],
        }
    ]


@pytest.mark.parametrize(
    ("operation", "code", "part"),
    [
        ({"type": "change", "path": "Patient"}, "value", "type"),
        ({"type": "delete"}, "required", "path"),
        ({"type": "delete", "path": "Patient.name["}, "invalid", "path"),
        ({"type": "delete", "path": "Patient"}, "processing", "path"),
        ({"type": "delete", "path": "Patient.contact"}, "processing", "path"),
        ({"type": "delete", "path": "1 + 1"}, "processing", "path"),
        ({"type": "replace", "path": "Patient.gender", "value": {"valueCode": "male"}}, "processing", "path"),
        ({"type": "replace", "path": "Patient.birthDate"}, "required", "value"),
        ({"type": "add", "path": "Patient", "name": "nome", "value": "x"}, "processing", "name"),
        ({"type": "add", "path": "Patient", "name": "birthDate", "value": {"valueDate": "1970"}}, "processing", "name"),
        ({"type": "insert", "path": "Patient.name", "value": {"valueHumanName": {}}}, "required", "index"),
        ({"type": "insert", "path": "Patient.name", "index": 9, "value": {"valueHumanName": {}}}, "value", "index"),
        ({"type": "insert", "path": "Patient.birthDate", "index": 0, "value": "x"}, "processing", "path"),
        ({"type": "insert", "path": "Patient.name[0]", "index": 0, "value": "x"}, "invalid", "path"),
        ({"type": "move", "path": "Patient.contact", "source": 0, "destination": 2}, "value", "destination"),
        ({"type": "move", "path": "Patient.contact", "source": 5, "destination": 0}, "value", "source"),
    ],
)
def test_a_refused_operation_says_what_and_where(operation: dict[str, Any], code: str, part: str) -> None:
    first = {"type": "delete", "path": "Patient.deceased"}
    assert refusal(first, operation) == (code, f"Parameters.parameter[1].part.where(name='{part}')")


@pytest.mark.parametrize(
    "value",
    [
        {"valueHumanName": {"text": "x"}},
        {"part": [{"name": "text", "valueString": "x"}]},
        {},
        {"valueString": "x", "valueInteger": 1},
    ],
)
def test_a_value_of_the_wrong_form_is_refused(value: dict[str, Any]) -> None:
    assert refusal({"type": "replace", "path": "Patient.birthDate", "value": value})[1] == "Parameters.parameter[0]"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": {}},
        {"resourceType": "Parameters", "parameter": [None]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "other", "part": []}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [{"name": 1}]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [1]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": []}] * 1001},
    ],
)
def test_what_is_no_fhirpath_patch_is_refused(body: Any) -> None:
    with pytest.raises(InvalidFHIR):
        fhirpath_patch(PATIENT, body)


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({}, "structure"),
        ([1], "invalid"),
        ([{"op": "spam", "path": "/a"}], "invalid"),
        ([{"op": "add", "path": "/a"}], "required"),
        ([{"op": "move", "path": "/a"}], "required"),
        ([{"op": "add", "path": "a", "value": 1}], "invalid"),
        ([{"op": "add", "path": "/a~2", "value": 1}], "invalid"),
        ([{"op": "add", "path": 1, "value": 1}], "invalid"),
        ([{"op": "remove", "path": ""}], "processing"),
        ([{"op": "remove", "path": "/nome"}], "processing"),
        ([{"op": "remove", "path": "/name/01"}], "processing"),
        ([{"op": "remove", "path": "/name/-"}], "processing"),
        ([{"op": "remove", "path": "/birthDate/0"}], "processing"),
        ([{"op": "add", "path": "/contact/3", "value": 1}], "processing"),
        ([{"op": "replace", "path": "/gender", "value": 1}], "processing"),
        ([{"op": "move", "from": "/name", "path": "/name/0"}], "processing"),
        ([{"op": "test", "path": "/multipleBirthInteger", "value": True}], "conflict"),
        ([{"op": "copy", "from": "/name", "path": "/name/-"}] * 40, "too-costly"),
        ([{"op": "test", "path": "/name", "value": 1}] * 1001, "too-long"),
    ],
)
def test_what_json_patch_refuses_has_a_code_and_changes_nothing(operations: Any, code: str) -> None:
    before = copy.deepcopy(PATIENT)
    with pytest.raises(InvalidFHIR) as refused:
        json_patch(PATIENT, operations)
    assert refused.value.issues[0].code == code
    assert before == PATIENT


def test_json_patch_reaches_keys_with_slashes_tildes_and_the_end_of_lists() -> None:
    found = json_patch(
        {"a/b": {"c~d": [1]}, "": 0},
        [
            {"op": "add", "path": "/a~1b/c~0d/-", "value": Decimal("2.50")},
            {"op": "replace", "path": "/", "value": None},
            {"op": "copy", "from": "/a~1b/c~0d", "path": "/e"},
            {"op": "test", "path": "/e", "value": [1, Decimal("2.5")]},
            {"op": "move", "from": "/e/0", "path": "/e/1"},
        ],
    )
    assert found == {"a/b": {"c~d": [1, Decimal("2.50")]}, "": None, "e": [Decimal("2.50"), 1]}
    assert str(found["e"][0]) == "2.50"


def test_json_patch_can_replace_the_whole_document() -> None:
    assert json_patch(PATIENT, [{"op": "replace", "path": "", "value": {"a": 1}}]) == {"a": 1}


def test_a_document_that_a_patch_nests_without_end_is_refused_and_not_crashed_on() -> None:
    """One patch nests 900 deep; the next puts that into itself, deeper than Python's own stack."""
    grown = json_patch({}, [{"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 900)])
    deeper = [{"op": "add", "path": "/a" * 899 + "/b", "value": grown}]
    with pytest.raises(InvalidFHIR) as refused:
        json_patch(json_patch(grown, deeper), [{"op": "copy", "from": "", "path": "/c"}])
    assert refused.value.issues[0].code == "too-long"
