"""Rules that go beyond one element: references, contained resources, invariants and the narrative; and what is allowed."""

from decimal import Decimal
from typing import Any

import pytest

from fhircore.validate import validate

Json = dict[str, Any]
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UNKNOWN = {"extension": [{"url": DAR, "valueCode": "unknown"}]}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "active": True, "birthDate": "1912-12-12", **more}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, **more}


def bundle(kind: str = "collection", *entries: Json, **more: Any) -> Json:
    content = {"entry": list(entries)} if entries else {}
    return {"resourceType": "Bundle", "type": kind, **content, **more}


def narrative(inside: str, **more: Any) -> Json:
    return patient(text={"status": "generated", "div": f"<div {XHTML}>{inside}</div>"}, **more)


def raw(div: Any) -> Json:
    return patient(text={"status": "generated", "div": div})


def timed(**repeat: Any) -> Json:
    request = {"resourceType": "DeviceRequest", "intent": "order", "codeCodeableConcept": {"text": "x"}}
    return {**request, "subject": {"reference": "Patient/1"}, "occurrenceTiming": {"repeat": repeat}}


def condition(**more: Any) -> Json:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **more}


def question(**item: Any) -> Json:
    return {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", **item}]}


def holding(*contained: Json, **more: Any) -> Json:
    return observation(contained=list(contained), subject={"reference": "#p"}, **more)


def extended(extension: Any) -> Json:
    return patient(extension=[extension])


P = {"resourceType": "Patient", "id": "p"}
ENTRY = {"resource": P}

REFERENCES: list[tuple[Json, str, str]] = [
    (observation(subject={"reference": "Practitioner/1"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "https://a.se/fhir/Practitioner/1"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Practitioner?identifier=a|b"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Pat/1"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Patient"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Patient/å"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Patient/1/2"}), "value", "Observation.subject.reference"),
    (observation(subject={"reference": "Patient/1", "type": "Group"}), "value", "Observation.subject.type"),
    (observation(subject={"type": "Organization", "display": "x"}), "value", "Observation.subject.type"),
    (observation(subject={"reference": "#p"}), "invariant", "Observation.subject.reference"),
    (observation(subject={"reference": "#"}), "invariant", "Observation.subject.reference"),
    (observation(subject={"ref": "Patient/1"}), "structure", "Observation.subject.ref"),
    (holding({"resourceType": "Practitioner", "id": "p"}), "value", "Observation.subject.reference"),
    (holding(P, {"resourceType": "Patient", "id": "q"}), "invariant", "Observation.contained[1]"),
    (holding({**P, "contained": [P]}), "invariant", "Observation.contained[0]"),
    (holding({**P, "meta": {"versionId": "1"}}), "invariant", "Observation.contained[0]"),
    (holding({**P, "meta": {"security": [{"code": "R"}]}}), "invariant", "Observation.contained[0]"),
    (holding({**P, "gender": "x"}), "code-invalid", "Observation.contained[0].gender"),
    (
        holding({**P, "managingOrganization": {"reference": "#o"}}),
        "invariant",
        "Observation.contained[0].managingOrganization.reference",
    ),
]

INVARIANTS: list[tuple[Json, str, str]] = [
    (extended({"url": "u"}), "invariant", "Patient.extension[0]"),
    (extended({"url": "u", "id": "x"}), "invariant", "Patient.extension[0]"),
    (
        extended({"url": "u", "valueCode": "x", "extension": [{"url": "a", "valueCode": "b"}]}),
        "invariant",
        "Patient.extension[0]",
    ),
    (patient(contact=[{"gender": "male"}]), "invariant", "Patient.contact[0]"),
    (patient(telecom=[{"value": "1"}]), "invariant", "Patient.telecom[0]"),
    (patient(photo=[{"data": "YWJj"}]), "invariant", "Patient.photo[0]"),
    (
        patient(identifier=[{"period": {"start": "2021-01-02", "end": "2021-01-01"}}]),
        "invariant",
        "Patient.identifier[0].period",
    ),
    (
        patient(identifier=[{"period": {"start": "2021-02", "end": "2020"}}]),
        "invariant",
        "Patient.identifier[0].period",
    ),
    (
        observation(effectivePeriod={"start": "2021-01-01T12:00:00+01:00", "end": "2021-01-01T10:59:59Z"}),
        "invariant",
        "Observation.effectivePeriod",
    ),
    (observation(dataAbsentReason={"text": "x"}, valueInteger=1), "invariant", "Observation"),
    (observation(dataAbsentReason={"text": "x"}, _valueInteger=UNKNOWN), "invariant", "Observation"),
    (
        observation(
            code={"coding": [{"code": "a"}]}, valueInteger=1, component=[{"code": {"coding": [{"code": "a"}]}}]
        ),
        "invariant",
        "Observation",
    ),
    (observation(referenceRange=[{"type": {"text": "x"}}]), "invariant", "Observation.referenceRange[0]"),
    (observation(valueQuantity={"value": 1, "code": "kg"}), "invariant", "Observation.valueQuantity"),
    (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "invariant", "Observation.valueRange"),
    (observation(valueRatio={"numerator": {"value": 2}}), "invariant", "Observation.valueRatio"),
    ({"resourceType": "Organization", "active": True}, "invariant", "Organization"),
    (
        {"resourceType": "Organization", "name": "x", "telecom": [{"system": "phone", "value": "1", "use": "home"}]},
        "invariant",
        "Organization",
    ),
    (timed(duration=1), "invariant", "DeviceRequest.occurrenceTiming.repeat"),
    (timed(period=-1, periodUnit="d"), "invariant", "DeviceRequest.occurrenceTiming.repeat"),
    (timed(timeOfDay=["10:00:00"], when=["MORN"]), "invariant", "DeviceRequest.occurrenceTiming.repeat"),
    (timed(offset=10), "invariant", "DeviceRequest.occurrenceTiming.repeat"),
    (condition(abatementString="x"), "invariant", "Condition"),
    (condition(stage=[{"type": {"text": "x"}}]), "invariant", "Condition.stage[0]"),
    (
        condition(onsetAge={"value": -1, "code": "a", "system": "http://unitsofmeasure.org"}),
        "invariant",
        "Condition.onsetAge",
    ),
    (question(type="group"), "invariant", "Questionnaire.item[0]"),
    (question(type="display", required=True), "invariant", "Questionnaire.item[0]"),
    (question(type="group", item=[{"linkId": "1", "type": "string"}]), "invariant", "Questionnaire"),
    (
        bundle("searchset", total=1, timestamp="2020-01-01T00:00:00Z") | {"type": "collection"},
        "invariant",
        "Bundle",
    ),
    (bundle("transaction", ENTRY), "invariant", "Bundle"),
    (bundle("collection", {**ENTRY, "request": {"method": "PUT", "url": "Patient/p"}}), "invariant", "Bundle"),
    (bundle("collection", {**ENTRY, "search": {"mode": "match"}}), "invariant", "Bundle"),
    (bundle("collection", {"fullUrl": "urn:uuid:1"}), "invariant", "Bundle.entry[0]"),
    (bundle("collection", {**ENTRY, "fullUrl": "http://a/Patient/p/_history/1"}), "invariant", "Bundle.entry[0]"),
    (
        bundle("collection", {**ENTRY, "fullUrl": "http://a/Patient/p"}, {**ENTRY, "fullUrl": "http://a/Patient/p"}),
        "invariant",
        "Bundle",
    ),
    (bundle("message", ENTRY), "invariant", "Bundle"),
    (
        {"resourceType": "Parameters", "parameter": [{"name": "a", "valueCode": "b", "resource": P}]},
        "invariant",
        "Parameters.parameter[0]",
    ),
    (
        {
            "resourceType": "CodeSystem",
            "status": "draft",
            "content": "complete",
            "concept": [{"code": "a", "concept": [{"code": "a"}]}],
        },
        "invariant",
        "CodeSystem",
    ),
]

NARRATIVES: list[Json] = [
    narrative("<script>alert(1)</script>"),
    narrative("<p onclick='x()'>a</p>"),
    narrative("<a href='javascript:x()'>a</a>"),
    narrative("<a href=' java\tscript:x()'>a</a>"),
    narrative("<a href='data:text/html,x'>a</a>"),
    narrative("<img src='javascript:x' alt='a'/>"),
    narrative("<img src='data:image/svg+xml;base64,PHN2Zz4=' alt='a'/>"),
    narrative("<iframe src='http://a'/>"),
    narrative("<form><input/></form>"),
    narrative("<style>p {}</style>"),
    narrative("<p style='background: url(http://a)'>a</p>"),
    narrative("<p style='width: expression(x())'>a</p>"),
    narrative("<svg xmlns='http://www.w3.org/2000/svg'/>"),
    narrative("<p xmlns='http://www.w3.org/2000/svg'>a</p>"),
    narrative("<x:p xmlns:x='http://www.w3.org/1999/xhtml'>a</x:p>"),
    narrative("<![CDATA[><img src=x onerror=alert(1)>]]>"),
    narrative("<!--><img src=x onerror=alert(1)>-->a"),
    narrative("<?php x ?>a"),
    narrative("a&nbsp;b"),
    narrative("<p>a"),
    narrative("a\ud800"),
    narrative(""),
    narrative("<p> </p>"),
    raw(f"<p {XHTML}>a</p>"),
    raw("<div>a</div>"),
    raw(f"<!DOCTYPE div [<!ENTITY a 'b'>]><div {XHTML}>&a;</div>"),
    raw("just text"),
]

CASES = REFERENCES + INVARIANTS


def _name(case: Any) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("resource", "code", "at"), CASES, ids=_name)
def test_one_fault_gives_one_issue_with_its_code_and_place(resource: Json, code: str, at: str) -> None:
    issues = validate(resource)
    assert [(issue.code, issue.at) for issue in issues] == [(code, at)]
    assert issues[0].severity == "error"
    assert issues[0].detail.endswith(".")


@pytest.mark.parametrize("resource", NARRATIVES)
def test_a_narrative_that_is_not_plain_formatting_is_refused(resource: Json) -> None:
    issues = validate(resource)
    assert {(issue.code, issue.at) for issue in issues} == {("invariant", "Patient.text.div")}
    assert {issue.detail[:7] for issue in issues} <= {"txt-1: ", "txt-2: "}


VALID: list[Json] = [
    patient(_birthDate={"id": "b"}),
    {"resourceType": "Patient"},
    patient(birthDate="2024-02-29"),
    patient(birthDate="1912"),
    patient(deceasedDateTime="2020-01-01T10:00:60.123+14:00"),
    {"resourceType": "Patient", "_birthDate": {"extension": [{"url": DAR, "valueCode": "unknown"}]}},
    {
        "resourceType": "Observation",
        "_status": {"extension": [{"url": DAR, "valueCode": "unknown"}]},
        "code": {"text": "x"},
    },
    patient(name=[{"given": ["A", None], "_given": [None, {"extension": [{"url": DAR, "valueCode": "masked"}]}]}]),
    observation(valueQuantity={"value": Decimal("1.00"), "system": "http://unitsofmeasure.org", "code": "kg"}),
    observation(valueQuantity={"value": 1e-7}),
    observation(_valueInteger={"extension": [{"url": DAR, "valueCode": "error"}]}),
    observation(effectivePeriod={"start": "2021-01-01T23:30:00-05:00", "end": "2021-01-02"}),
    observation(subject={"reference": "Patient/1/_history/2"}),
    observation(subject={"reference": "https://a.se/x"}),
    observation(subject={"reference": "urn:oid:1.2.3"}),
    observation(subject={"reference": "Patient?identifier=http://a|1"}),
    observation(subject={"identifier": {"value": "1"}, "type": "Patient"}),
    holding(P),
    holding({**P, "link": [{"other": {"reference": "#p"}, "type": "seealso"}]}),
    observation(
        contained=[
            {
                "resourceType": "Provenance",
                "target": [{"reference": "#"}],
                "recorded": "2020-01-01T00:00:00Z",
                "agent": [{"who": {"display": "x"}}],
            }
        ]
    ),
    condition(clinicalStatus={"extension": [{"url": DAR, "valueCode": "unknown"}]}),
    narrative(
        "<p style='color: red'>å <b>b</b><br/><img src='#p' alt=''/><a href='mailto:a@b.se'>a</a> &lt;</p><!-- x -->"
    ),
    patient(name=[{"family": "Åkesson\u00a0Öberg \U0001f600"}]),
    patient(photo=[{"contentType": "image/png", "data": "YWJj\nZGVm"}]),
]


@pytest.mark.parametrize("resource", VALID)
def test_what_the_specification_allows_is_let_through(resource: Json) -> None:
    assert validate(resource) == []
