"""Each thing that is wrong is found, with its FHIR issue code and its FHIRPath location, and nothing else is."""

from decimal import Decimal
from typing import Any

import pytest

from fhircore.validate import MAX_ISSUES, validate, validator

Json = dict[str, Any]
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UNKNOWN = {"extension": [{"url": DAR, "valueCode": "unknown"}]}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "active": True, "birthDate": "1912-12-12", **more}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, **more}


def bundle(kind: str = "collection", *entries: Json, **more: Any) -> Json:
    content = {"entry": list(entries)} if entries else {}
    return {"resourceType": "Bundle", "type": kind, **content, **more}


def condition(**more: Any) -> Json:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **more}


def extended(extension: Any) -> Json:
    return patient(extension=[extension])


STRUCTURE: list[tuple[Json, str, str]] = [
    (patient(nickname="x"), "structure", "Patient.nickname"),
    (patient(name=[{"family": "A", "middle": "B"}]), "structure", "Patient.name[0].middle"),
    (patient(_nickname={"id": "x"}), "structure", "Patient._nickname"),
    (patient(_id={"extension": []}), "structure", "Patient._id"),
    (extended({"url": "u", "_url": UNKNOWN, "valueCode": "x"}), "structure", "Patient.extension[0]._url"),
    (patient(_name=[{"id": "x"}]), "structure", "Patient._name"),
    (patient(name={"family": "A"}), "structure", "Patient.name"),
    (patient(gender=["male"]), "structure", "Patient.gender"),
    (patient(name=[]), "structure", "Patient.name"),
    (patient(name=[{}]), "structure", "Patient.name[0]"),
    (patient(maritalStatus={}), "structure", "Patient.maritalStatus"),
    (patient(maritalStatus={"id": "only"}), "structure", "Patient.maritalStatus"),
    (patient(maritalStatus="M"), "structure", "Patient.maritalStatus"),
    (patient(name=["A"]), "structure", "Patient.name[0]"),
    (patient(gender=None), "structure", "Patient.gender"),
    (patient(name=[None]), "structure", "Patient.name[0]"),
    (patient(name=[{"given": [None]}]), "structure", "Patient.name[0].given[0]"),
    (patient(name=[{"given": ["A", None], "_given": [{"id": "x"}]}]), "structure", "Patient.name[0].given[1]"),
    (patient(name=[{"given": [["A"]]}]), "value", "Patient.name[0].given[0]"),
    (patient(_birthDate={}), "structure", "Patient.birthDate"),
    (patient(_birthDate={"id": ""}), "value", "Patient.birthDate.id"),
    (patient(_gender={"id": "x"}), "structure", "Patient.gender"),
    (patient(_birthDate=[{"id": "x"}]), "structure", "Patient.birthDate"),
    (patient(_birthDate={"value": "x"}), "structure", "Patient.birthDate.value"),
    (patient(_birthDate={"extension": [{"url": "u"}]}), "invariant", "Patient.birthDate.extension[0]"),
    (patient(name=[{"_given": {"id": "x"}}]), "structure", "Patient.name[0].given"),
    (patient(name=[{"given": ["A", "B"], "_given": ["x", None]}]), "structure", "Patient.name[0].given[0]"),
    (patient(name=[{"_given": [None]}]), "structure", "Patient.name[0].given[0]"),
    (observation(valueString="x", valueInteger=1), "structure", "Observation.value"),
    (observation(valueString="x", _valueInteger=UNKNOWN), "structure", "Observation.value"),
    (observation(value="x"), "structure", "Observation.value"),
    (observation(valueMoney={"value": 1}), "structure", "Observation.valueMoney"),
    (
        observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        "structure",
        "Observation.referenceRange[0].low.comparator",
    ),
    (
        observation(component=[{"code": {"text": "x"}, "valueQuantity": {"valu": 1}}]),
        "structure",
        "Observation.component[0].valueQuantity.valu",
    ),
    (
        bundle("collection", {"resource": {"resourceType": "Patient", "x": 1}}),
        "structure",
        "Bundle.entry[0].resource.x",
    ),
    (
        bundle("collection", {"resource": {"resourceType": "Person2"}}),
        "structure",
        "Bundle.entry[0].resource.resourceType",
    ),
    (bundle("collection", {"resource": {"id": "x"}}), "required", "Bundle.entry[0].resource.resourceType"),
    (bundle("collection", {"resource": "x"}), "structure", "Bundle.entry[0].resource"),
    ({"resourceType": "Unheard"}, "structure", "resourceType"),
    ({"resourceType": 1}, "structure", "resourceType"),
    ({"id": "x"}, "required", "resourceType"),
]

REQUIRED: list[tuple[Json, str, str]] = [
    ({"resourceType": "Observation", "code": {"text": "x"}}, "required", "Observation.status"),
    ({"resourceType": "Observation", "status": "final"}, "required", "Observation.code"),
    (patient(link=[{"type": "refer"}]), "required", "Patient.link[0].other"),
    (patient(communication=[{"preferred": True}]), "required", "Patient.communication[0].language"),
    (patient(text={"status": "empty"}), "required", "Patient.text.div"),
    (extended({"valueString": "x"}), "required", "Patient.extension[0].url"),
    (
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/1"},
        },
        "required",
        "MedicationRequest.medication",
    ),
    (observation(component=[{"valueInteger": 1}]), "required", "Observation.component[0].code"),
    (bundle("batch", {"request": {"method": "GET"}}), "required", "Bundle.entry[0].request.url"),
]

VALUES: list[tuple[Json, str, str]] = [
    (patient(active="true"), "value", "Patient.active"),
    (patient(active=1), "value", "Patient.active"),
    (patient(birthDate="1912-13-01"), "value", "Patient.birthDate"),
    (patient(birthDate="2023-02-29"), "value", "Patient.birthDate"),
    (patient(birthDate="1900-02-29"), "value", "Patient.birthDate"),
    (patient(birthDate="2023-04-31"), "value", "Patient.birthDate"),
    (patient(birthDate="0000-01-01"), "value", "Patient.birthDate"),
    (patient(birthDate="12-12-1912"), "value", "Patient.birthDate"),
    (patient(birthDate="1912-12-12\n"), "value", "Patient.birthDate"),
    (patient(birthDate="1912-12-12T00:00:00Z"), "value", "Patient.birthDate"),
    (patient(birthDate="\u0661\u0669\u0661\u0662"), "value", "Patient.birthDate"),
    (patient(birthDate=1912), "value", "Patient.birthDate"),
    (patient(deceasedDateTime="2020-01-01T10:00Z"), "value", "Patient.deceasedDateTime"),
    (patient(deceasedDateTime="2020-01-01T10:00:00"), "value", "Patient.deceasedDateTime"),
    (patient(deceasedDateTime="2020-01-01T24:00:00Z"), "value", "Patient.deceasedDateTime"),
    (patient(deceasedDateTime="2020-01-01T10:00:00+15:00"), "value", "Patient.deceasedDateTime"),
    (patient(multipleBirthInteger="2"), "value", "Patient.multipleBirthInteger"),
    (patient(multipleBirthInteger=2.0), "value", "Patient.multipleBirthInteger"),
    (patient(multipleBirthInteger=2147483648), "value", "Patient.multipleBirthInteger"),
    (patient(multipleBirthInteger=True), "value", "Patient.multipleBirthInteger"),
    (patient(id="a b"), "value", "Patient.id"),
    (patient(id="x" * 65), "value", "Patient.id"),
    (patient(id="å"), "value", "Patient.id"),
    (patient(language="svenska!"), "value", "Patient.language"),
    (patient(implicitRules="http://a b"), "value", "Patient.implicitRules"),
    (patient(name=[{"family": ""}]), "value", "Patient.name[0].family"),
    (patient(name=[{"family": "  "}]), "value", "Patient.name[0].family"),
    (patient(name=[{"family": "A\x00"}]), "value", "Patient.name[0].family"),
    (patient(name=[{"family": 7}]), "value", "Patient.name[0].family"),
    (patient(name=[{"family": {"x": 1}}]), "value", "Patient.name[0].family"),
    (patient(name=[{"family": "x" * 1048577}]), "too-long", "Patient.name[0].family"),
    (patient(telecom=[{"system": "phone", "value": "1", "rank": 0}]), "value", "Patient.telecom[0].rank"),
    (patient(meta={"lastUpdated": "2020-01-01"}), "value", "Patient.meta.lastUpdated"),
    (patient(meta={"profile": ["http://x y"]}), "value", "Patient.meta.profile[0]"),
    (patient(photo=[{"contentType": "image/png", "data": "a"}]), "value", "Patient.photo[0].data"),
    (patient(photo=[{"contentType": "image/png", "data": "åååå"}]), "value", "Patient.photo[0].data"),
    (patient(photo=[{"size": -1}]), "value", "Patient.photo[0].size"),
    (patient(photo=[{"contentType": "a b c/d"}]), "code-invalid", "Patient.photo[0].contentType"),
    (observation(valueQuantity={"value": "1"}), "value", "Observation.valueQuantity.value"),
    (observation(valueQuantity={"value": float("inf")}), "value", "Observation.valueQuantity.value"),
    (observation(valueQuantity={"value": float("nan")}), "value", "Observation.valueQuantity.value"),
    (observation(valueQuantity={"value": Decimal("1e999999")}), "value", "Observation.valueQuantity.value"),
    (observation(valueQuantity={"value": Decimal("NaN")}), "value", "Observation.valueQuantity.value"),
    (observation(valueTime="25:00:00"), "value", "Observation.valueTime"),
    (observation(issued="2020-01-01T10:00:00"), "value", "Observation.issued"),
    (extended({"url": "u", "valueOid": "1.2.3"}), "value", "Patient.extension[0].valueOid"),
    (extended({"url": "u", "valueUuid": "urn:uuid:1"}), "value", "Patient.extension[0].valueUuid"),
    (extended({"url": "u", "valueCode": " a"}), "value", "Patient.extension[0].valueCode"),
    (extended({"url": "u", "valuePositiveInt": 0}), "value", "Patient.extension[0].valuePositiveInt"),
    (extended({"url": "u", "valueMarkdown": "\x0b"}), "value", "Patient.extension[0].valueMarkdown"),
]

CODES: list[tuple[Json, str, str]] = [
    (patient(gender="M"), "code-invalid", "Patient.gender"),
    (patient(gender=1), "value", "Patient.gender"),
    (patient(name=[{"use": "nickname2"}]), "code-invalid", "Patient.name[0].use"),
    (observation(status="done"), "code-invalid", "Observation.status"),
    (
        observation(component=[{"code": {"text": "x"}, "valueQuantity": {"comparator": "="}}]),
        "code-invalid",
        "Observation.component[0].valueQuantity.comparator",
    ),
    (
        condition(clinicalStatus={"coding": [{"system": CLINICAL, "code": "gone"}]}),
        "code-invalid",
        "Condition.clinicalStatus",
    ),
    (condition(clinicalStatus={"coding": [{"code": "active"}]}), "code-invalid", "Condition.clinicalStatus"),
    (condition(clinicalStatus={"text": "active"}), "code-invalid", "Condition.clinicalStatus"),
    (bundle("collections"), "code-invalid", "Bundle.type"),
    (
        extended({"url": "u", "valueMoney": {"value": 1, "currency": "kronor"}}),
        "code-invalid",
        "Patient.extension[0].valueMoney.currency",
    ),
]

CASES = STRUCTURE + REQUIRED + VALUES + CODES


def _name(case: Any) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("resource", "code", "at"), CASES, ids=_name)
def test_one_fault_gives_one_issue_with_its_code_and_place(resource: Json, code: str, at: str) -> None:
    issues = validate(resource)
    assert [(issue.code, issue.at) for issue in issues] == [(code, at)]
    assert issues[0].severity == "error"
    assert issues[0].detail.endswith(".")


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_what_is_no_object_is_refused(value: Any) -> None:
    assert [issue.code for issue in validate(value)] == ["structure"]


def test_every_fault_is_told_at_once() -> None:
    found = validate(patient(gender="x", active=1, foo=1, birthDate="x", name=[{"use": "x"}, {}]))
    assert {issue.at for issue in found} == {
        "Patient.gender",
        "Patient.active",
        "Patient.foo",
        "Patient.birthDate",
        "Patient.name[0].use",
        "Patient.name[1]",
    }


def test_the_list_of_faults_is_bounded() -> None:
    assert len(validate(patient(name=[{"use": "x"}] * 100_000))) == MAX_ISSUES


def test_nesting_beyond_64_is_refused_as_such_and_64_is_not() -> None:
    def nested(levels: int) -> Json:
        extension: Json = {"url": "u", "valueCode": "x"}
        for _ in range(levels - 1):
            extension = {"url": "u", "extension": [extension]}
        return extended(extension)

    # the resource, then an array and an object per level
    assert validate(nested(31)) == []
    assert [issue.code for issue in validate(nested(32))] == ["too-long"]
    assert [issue.code for issue in validate(nested(100_000))] == ["too-long"]


def test_a_sentence_never_quotes_a_value() -> None:
    secret = "19121212-1212"
    wrong = patient(gender=secret, birthDate=secret, id=secret + "!", generalPractitioner=[{"reference": secret}])
    assert secret not in " ".join(issue.detail + str(issue.at) for issue in validate(wrong))


def test_a_validator_refuses_another_type_and_an_unheard_type() -> None:
    issues = validator("Patient")(observation())
    assert [(issue.code, issue.at) for issue in issues] == [("structure", "Patient.resourceType")]
    with pytest.raises(KeyError):
        validator("Unheard")
