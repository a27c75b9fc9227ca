"""What is remembered of members that met a profile never hides a fault, and a profile speaks for all it is based on."""

from typing import Any

import pytest

from fhircore.profiles import Profiles, packaged

Json = dict[str, Any]
CORE = "http://hl7.org/fhir/StructureDefinition/"
URL = "http://example.org/fhir/StructureDefinition/"


def made(name: str, about: str, *elements: Json, base: str = "") -> Json:
    found = [{"path": one["id"], **one} for one in elements]
    named = {"url": URL + name, "name": name, "kind": "resource", "baseDefinition": base or CORE + about}
    return {"resourceType": "StructureDefinition", "type": about, "differential": {"element": found}, **named}


def places(known: Profiles, resource: Json, *urls: str) -> list[str | None]:
    return [one.at for one in known.check(resource, urls)]


def with_rule(expression: str) -> Json:
    rule = {"key": "a-1", "severity": "error", "human": "as told", "expression": expression}
    return {"id": "Patient.gender", "constraint": [rule]}


def test_what_was_right_once_is_right_again_and_what_was_wrong_is_told_each_time() -> None:
    known = Profiles()
    known.replace([made("a", "Patient", {"id": "Patient.gender", "fixedCode": "male"})])
    for gender, expected in [("male", []), ("female", ["Patient.gender"])] * 3:
        patient = {"resourceType": "Patient", "gender": gender}
        assert places(known, patient, URL + "a") == expected


@pytest.mark.parametrize("expression", ["%resource.active", "%rootResource.active"])
def test_a_rule_that_looks_around_is_asked_each_time(expression: str) -> None:
    known = Profiles()
    known.replace([made("a", "Patient", with_rule(expression))])
    for active, expected in [(True, []), (False, ["Patient.gender"]), (True, [])]:
        patient = {"resourceType": "Patient", "gender": "male", "active": active}
        assert places(known, patient, URL + "a") == expected


def test_the_extension_of_a_remembered_value_is_still_looked_at() -> None:
    known = Profiles()
    known.replace([made("a", "Patient", {"id": "Patient.birthDate.extension", "max": "0"})])
    plain = {"resourceType": "Patient", "birthDate": "1912-12-12"}
    extended = {**plain, "_birthDate": {"extension": [{"url": "http://example.org/x", "valueCode": "y"}]}}
    for patient, expected in [(plain, 0), (extended, 1)] * 2:
        assert len(places(known, patient, URL + "a")) == expected


def test_a_reference_to_a_contained_resource_is_judged_by_what_is_contained() -> None:
    only = {"code": "Reference", "targetProfile": [CORE + "Organization"]}
    known = Profiles()
    known.replace([made("a", "Patient", {"id": "Patient.generalPractitioner", "type": [only]})])
    for kind, expected in [("Organization", 0), ("Practitioner", 1)] * 2:
        contained = [
            {"resourceType": kind, "id": "c", "name": "x"}
            if kind == "Organization"
            else {"resourceType": kind, "id": "c"}
        ]
        patient = {"resourceType": "Patient", "contained": contained, "generalPractitioner": [{"reference": "#c"}]}
        assert len(places(known, patient, URL + "a")) == expected


def test_definitions_that_change_are_heeded_at_once() -> None:
    known, patient = Profiles(), {"resourceType": "Patient", "gender": "male"}
    for code, expected in [("male", []), ("female", ["Patient.gender"])]:
        known.replace([made("a", "Patient", {"id": "Patient.gender", "fixedCode": code})])
        assert places(known, patient, URL + "a") == expected


def test_a_fault_is_told_once_where_a_profile_and_its_base_are_both_claimed() -> None:
    base = made("base", "Patient", {"id": "Patient.name", "min": 1})
    known = Profiles()
    known.replace([base, made("further", "Patient", {"id": "Patient.gender", "min": 1}, base=URL + "base")])
    patient = {"resourceType": "Patient", "meta": {"profile": [URL + "base", URL + "further"]}}
    assert sorted(map(str, places(known, patient))) == ["Patient.gender", "Patient.name"]
    assert places(known, {**patient, "meta": {"profile": [URL + "base"]}}) == ["Patient.name"]


def test_vital_signs_of_the_specification_are_refused_as_often_as_they_are_sent() -> None:
    known = Profiles(packaged())
    height = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/1"},
        "meta": {"profile": [CORE + "vitalsigns", CORE + "bodyheight"]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
        "effectiveDateTime": "2026-03-01",
        "valueQuantity": {"value": 170, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
    }  # fmt: skip
    errors = [one for one in known.check(height) if one.severity == "error"]
    assert errors == []
    for _ in range(2):
        assert [one for one in known.check({**height, "effectiveDateTime": "2026"}) if one.severity == "error"]
        without = {name: value for name, value in height.items() if name != "subject"}
        assert [one for one in known.check(without) if one.severity == "error"]
    assert not [one for one in known.check(height) if one.severity == "error"]
