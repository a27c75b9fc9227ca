"""What profiles ask beside slices, by profiles made for it (http://hl7.org/fhir/R4/elementdefinition.html)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.profiles import Profiles, packaged

Json = dict[str, Any]
URL = "http://example.org/fhir/StructureDefinition/made"
CORE = "http://hl7.org/fhir/StructureDefinition/"


def made(about: str, /, *elements: Json, **more: Any) -> Json:
    found = [{"path": one["id"], **one} for one in elements]
    named = {"url": URL, "name": "made", "kind": "resource", "baseDefinition": CORE + about, **more}
    return {"resourceType": "StructureDefinition", "type": about, "differential": {"element": found}, **named}


def told(resource: Json, profile: Json, *others: Json, url: str = "") -> list[tuple[str, str, str | None]]:
    """(severity, code, place) of everything that a check tells."""
    known = Profiles()
    known.replace([profile, *others])
    return [(one.severity, one.code, one.at) for one in known.check(resource, [url or profile["url"]])]


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def test_cardinality_may_be_narrowed() -> None:
    profile = made("Patient", {"id": "Patient.name", "min": 1, "max": "2"}, {"id": "Patient.photo", "max": "0"})
    assert told(patient(name=[{"text": "A"}]), profile) == []
    assert told(patient(active=True), profile) == [("error", "required", "Patient.name")]
    three = patient(name=[{"text": "A"}] * 3, photo=[{"title": "x"}])
    assert [place for _, _, place in told(three, profile)] == ["Patient.name[2]", "Patient.photo[0]"]


def test_an_element_that_holds_only_an_extension_is_there() -> None:
    profile = made("Patient", {"id": "Patient.birthDate", "min": 1})
    why = {"extension": [{"url": "http://example.org/why", "valueCode": "unknown"}]}
    assert told(patient(_birthDate=why), profile) == []


@pytest.mark.parametrize(
    ("kind", "value", "other"),
    [
        ({"fixedCode": "male"}, {"gender": "male"}, {"gender": "female"}),
        ({"fixedBoolean": True}, {"active": True}, {"active": False}),
        ({"fixedInteger": 1}, {"multipleBirthInteger": 1}, {"multipleBirthInteger": 2}),
    ],
)
def test_a_fixed_value_is_that_value(kind: Json, value: Json, other: Json) -> None:
    (name,) = value
    path = "multipleBirth[x]" if name.startswith("multiple") else name
    profile = made("Patient", {"id": f"Patient.{path}", **kind})
    assert told(patient(**value), profile) == []
    assert [code for _, code, _ in told(patient(**other), profile)] == ["value"]


def test_a_fixed_object_is_whole_and_a_pattern_is_a_part() -> None:
    coding = {"coding": [{"system": "s", "code": "c"}]}
    more = {"coding": [{"system": "s", "code": "c", "display": "C"}, {"code": "d"}], "text": "x"}
    fixed = made("Patient", {"id": "Patient.maritalStatus", "fixedCodeableConcept": coding})
    pattern = made("Patient", {"id": "Patient.maritalStatus", "patternCodeableConcept": coding})
    assert told(patient(maritalStatus=coding), fixed) == told(patient(maritalStatus=coding), pattern) == []
    assert told(patient(maritalStatus=more), fixed) == [("error", "value", "Patient.maritalStatus")]
    assert told(patient(maritalStatus=more), pattern) == []
    assert told(patient(maritalStatus={"text": "x"}), pattern) == [("error", "value", "Patient.maritalStatus")]


def test_types_may_be_narrowed_to_exactly_those() -> None:
    profile = made("Patient", {"id": "Patient.deceased[x]", "type": [{"code": "boolean"}]})
    assert told(patient(deceasedBoolean=True), profile) == []
    assert told(patient(deceasedDateTime="2020"), profile) == [("error", "structure", "Patient.deceased")]
    texts = made("Extension", {"id": "Extension.value[x]", "type": [{"code": "string"}]}, kind="complex-type")
    assert told({"url": "x", "valueCode": "a"}, texts) != []


def test_targets_of_references_are_known_by_type() -> None:
    only = {"code": "Reference", "targetProfile": [CORE + "Practitioner", URL + "-unit"]}
    unit = made("Organization", url=URL + "-unit")
    profile = made("Patient", {"id": "Patient.generalPractitioner", "type": [only]})
    fine = [
        {"reference": "Practitioner/1"},
        {"reference": "Organization/1"},
        {"reference": "urn:uuid:1"},
        {"display": "x"},
    ]
    assert told(patient(generalPractitioner=fine), profile, unit) == []
    bad = patient(generalPractitioner=[{"reference": "PractitionerRole/1"}])
    assert told(bad, profile, unit) == [("error", "value", "Patient.generalPractitioner[0].reference")]


def a_set(*include: Json, url: str = "http://example.org/vs", **more: Any) -> Json:
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": list(include), **more}}


def test_bindings_refuse_warn_or_are_silent_by_strength() -> None:
    codes = a_set({"system": "s", "concept": [{"code": "a"}]})
    marital = {"maritalStatus": {"coding": [{"system": "s", "code": "b"}]}}

    def bound(strength: str) -> Json:
        return made(
            "Patient",
            {"id": "Patient.maritalStatus", "binding": {"strength": strength, "valueSet": codes["url"] + "|1"}},
        )

    place = "Patient.maritalStatus"
    assert told(patient(**marital), bound("required"), codes) == [("error", "code-invalid", place)]
    assert told(patient(**marital), bound("extensible"), codes) == [("warning", "code-invalid", place)]
    assert told(patient(**marital), bound("preferred"), codes) == []
    assert told(patient(maritalStatus={"text": "x"}), bound("required"), codes) == [("error", "code-invalid", place)]
    assert told(patient(maritalStatus={"text": "x"}), bound("extensible"), codes) == []
    fine = {"coding": [{"system": "t", "code": "x"}, {"system": "s", "code": "a"}]}
    assert told(patient(maritalStatus=fine), bound("required"), codes) == []


@pytest.mark.parametrize(
    ("value_set", "system", "code", "expected"),
    [
        (a_set({"system": "whole"}), "whole", "any", []),
        (a_set({"system": "whole"}), "other", "any", ["code-invalid"]),
        (a_set({"system": "whole", "filter": [{}]}), "whole", "any", ["not-supported"]),
        (a_set({"system": "whole"}, exclude=[{"system": "whole", "concept": [{"code": "no"}]}]), "whole", "no", ["not-supported"]),
        (a_set({"system": "listed"}), "listed", "inner", []),
        (a_set({"system": "listed"}), "listed", "none", ["code-invalid"]),
        (a_set({"valueSet": ["http://hl7.org/fhir/ValueSet/administrative-gender"]}), "http://hl7.org/fhir/administrative-gender", "male", []),
        (a_set({"valueSet": ["http://example.org/nowhere"]}), "s", "c", ["not-supported"]),
        (a_set({"valueSet": ["http://example.org/vs"]}), "s", "c", ["not-supported"]),
        ({"resourceType": "ValueSet", "url": "http://example.org/vs", "expansion": {"contains": [{"system": "s", "code": "c"}]}}, "s", "c", []),
        ({"resourceType": "ValueSet", "url": "http://example.org/vs", "compose": {"include": 5}}, "s", "c", ["not-supported"]),
    ],
)  # fmt: skip
def test_a_value_set_says_yes_no_or_that_nobody_knows(
    value_set: Json, system: str, code: str, expected: list[str]
) -> None:
    listed = {"code": "outer", "concept": [{"code": "inner"}]}
    systems = {"resourceType": "CodeSystem", "url": "listed", "content": "complete", "concept": [listed]}
    binding = {"strength": "required", "valueSet": "http://example.org/vs"}
    profile = made("Patient", {"id": "Patient.maritalStatus", "binding": binding})
    resource = patient(maritalStatus={"coding": [{"system": system, "code": code}]})
    assert [kind for _, kind, _ in told(resource, profile, value_set, systems)] == expected


def test_limits_of_values_and_of_length() -> None:
    profile = made(
        "Patient",
        {"id": "Patient.birthDate", "minValueDate": "1900-01-01", "maxValueDate": "2026-01-01"},
        {"id": "Patient.multipleBirth[x]", "maxValueInteger": 5},
        {"id": "Patient.name.family", "maxLength": 3},
    )
    assert told(patient(birthDate="1950-01-01", multipleBirthInteger=5, name=[{"family": "Abc"}]), profile) == []
    found = told(patient(birthDate="1850-01-01", multipleBirthInteger=6, name=[{"family": "Abcd"}]), profile)
    assert [(code, place) for _, code, place in found] == [
        ("value", "Patient.birthDate"), ("value", "Patient.multipleBirth"), ("too-long", "Patient.name[0].family"),
    ]  # fmt: skip


def rule(key: str, expression: str, severity: str = "error") -> Json:
    return {"key": key, "severity": severity, "human": f"rule {key}", "expression": expression}


def test_rules_in_fhirpath_are_errors_or_warnings_and_know_their_resource() -> None:
    rules = [rule("a-1", "family.exists() or text.exists()"), rule("a-2", "%resource.active = true", "warning")]
    profile = made("Patient", {"id": "Patient.name", "constraint": rules})
    assert told(patient(active=True, name=[{"family": "A"}]), profile) == []
    found = told(patient(active=False, name=[{"given": ["A"]}]), profile)
    assert found == [("error", "invariant", "Patient.name[0]"), ("warning", "invariant", "Patient.name[0]")]


def test_a_rule_that_is_no_fhirpath_or_fails_is_told_and_refuses_nothing() -> None:
    for expression in ("((", "nosuch()", "name.given.single()"):
        profile = made("Patient", {"id": "Patient", "constraint": [rule("b-1", expression)]})
        found = told(patient(name=[{"given": ["A", "B"]}]), profile)
        assert found == [("warning", "not-supported", "Patient")], expression


def test_an_element_may_have_to_meet_one_of_several_profiles() -> None:
    families, texts = (
        made("HumanName", {"id": f"HumanName.{name}", "min": 1}, url=f"http://example.org/{name}", kind="complex-type")
        for name in ("family", "text")
    )
    both = {"code": "HumanName", "profile": [families["url"], texts["url"]]}
    profile = made("Patient", {"id": "Patient.name", "type": [both]})
    assert told(patient(name=[{"family": "A"}, {"text": "B"}]), profile, families, texts) == []
    found = told(patient(name=[{"given": ["A"]}]), profile, families, texts)
    assert found == [("error", "structure", "Patient.name[0]")]


def an_extension(context: str = "Patient", kind: str = "element") -> Json:
    url = "http://example.org/ext"
    elements = (
        {"id": "Extension.url", "fixedUri": url},
        {"id": "Extension.value[x]", "min": 1, "type": [{"code": "string"}]},
    )
    return made("Extension", *elements, url=url, kind="complex-type", context=[{"type": kind, "expression": context}])


@pytest.mark.parametrize(
    ("kind", "context", "right"),
    [
        ("element", "Patient", False),
        ("element", "Element", True),
        ("element", "HumanName", True),
        ("element", "Patient.name", True),
        ("element", "Patient.contact.name", False),
        ("fhirpath", "Patient.name.where(use = 'official')", True),
        ("fhirpath", "Patient.name.where(use = 'old')", False),
        ("extension", "http://example.org/other", False),
    ],
)
def test_an_extension_stands_where_its_definition_says(kind: str, context: str, right: bool) -> None:
    profile, extension = made("Patient"), an_extension(context, kind)
    named = patient(name=[{"use": "official", "extension": [{"url": extension["url"], "valueString": "x"}]}])
    found = told(named, profile, extension)
    assert found == ([] if right else [("error", "structure", "Patient.name[0].extension[0]")])


def test_extensions_of_primitives_and_in_extensions_are_met_by_their_definitions() -> None:
    wrong = {"url": "http://example.org/ext", "valueInteger": 1}
    outer = {"url": "http://example.org/outer", "extension": [wrong]}
    named = patient(birthDate="2000", _birthDate={"extension": [wrong]}, extension=[outer])
    found = told(named, made("Patient"), an_extension("Element"))
    assert sorted(place or "" for _, _, place in found) == [
        "Patient.birthDate.extension[0].value",
        "Patient.extension[0].extension[0].value",
    ]


def test_an_extension_is_looked_at_without_a_claim_only_where_everything_is_asked_for() -> None:
    known = Profiles()
    known.add(an_extension())
    misplaced = patient(name=[{"extension": [{"url": "http://example.org/ext", "valueString": "x"}]}])
    assert known.check(misplaced) == []
    assert [one.at for one in known.check_all(misplaced)] == ["Patient.name[0].extension[0]"]


def test_contained_resources_and_entries_are_held_to_what_they_claim() -> None:
    profile = made("Patient", {"id": "Patient.name", "min": 1})
    claims = patient(id="p", meta={"profile": [URL]}, active=True)
    known = Profiles()
    known.add(profile)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": claims}]}
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "x", "part": [{"name": "y", "resource": claims}]}],
    }
    holder = {"resourceType": "Group", "type": "person", "actual": True, "contained": [claims]}
    places = [[one.at for one in known.check(found)] for found in (bundle, parameters, holder)]
    assert places == [
        ["Bundle.entry[0].resource.name"], ["Parameters.parameter[0].part[0].resource.name"], ["Group.contained[0].name"],
    ]  # fmt: skip


def test_a_snapshot_says_the_same_as_the_differential_it_was_made_of() -> None:
    """The base's own words in a snapshot are left out: R4 is checked elsewhere."""
    elements = [
        {
            "id": "Patient",
            "path": "Patient",
            "min": 0,
            "max": "*",
            "constraint": [rule("dom-2", "contained.contained.empty()")],
        },
        {
            "id": "Patient.id",
            "path": "Patient.id",
            "max": "1",
            "type": [{"code": "http://hl7.org/fhirpath/System.String"}],
        },
        {"id": "Patient.active", "path": "Patient.active", "min": 0, "max": "1", "type": [{"code": "boolean"}]},
        {"id": "Patient.name", "path": "Patient.name", "min": 1, "max": "*", "type": [{"code": "HumanName"}]},
    ]
    profile = made("Patient", baseDefinition="http://example.org/not-known")
    profile |= {"snapshot": {"element": elements}}
    del profile["differential"]
    assert told(patient(active=True), profile) == [("error", "required", "Patient.name")]
    known = Profiles()
    known.add(profile)
    tree = known.tree(URL)
    assert tree is not None
    assert [name for name, spot in tree.children.items() if spot.min or spot.max is not None or spot.types] == ["name"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"baseDefinition": "http://example.org/nowhere"}, "base"),
        ({"baseDefinition": URL}, "based on itself"),
        ({"type": "Nothing"}, "Only profiles"),
        ({"kind": "logical"}, "Only profiles"),
        ({"differential": {"element": [{"id": "Patient"}]}}, "not built as"),
        ({"differential": {"element": [{"path": "Patient.name", "max": "many"}]}}, "not built as"),
        ({"differential": {"element": [{"path": "Patient" + ".a" * 60}]}}, "steps deep"),
        ({"differential": {"element": [{"path": "Patient"}] * 6000}}, "at most 5000"),
        ({"differential": {"element": 7}}, "not built as"),
    ],
)
def test_a_definition_that_cannot_be_used_says_why_and_refuses_nothing(broken: Json, reason: str) -> None:
    known = Profiles()
    known.add(made("Patient", {"id": "Patient.name", "min": 1}) | broken)
    assert not known.known(URL)
    assert reason in known.why_not(URL)
    assert known.check(patient(meta={"profile": [URL]})) == []


def test_another_version_than_the_known_one_is_not_known() -> None:
    known = Profiles()
    known.add(made("Patient", {"id": "Patient.name", "min": 1}, version="2"))
    assert [known.known(f"{URL}{version}") for version in ("", "|2", "|1")] == [True, True, False]


def test_a_definition_that_is_given_again_replaces_the_one_before() -> None:
    known = Profiles()
    for least, wrong in ((1, 1), (0, 0)):
        known.add(made("Patient", {"id": "Patient.name", "min": least}))
        assert len(known.check(patient(active=True), [URL])) == wrong


def test_a_resource_of_another_type_than_the_profile_is_wrong() -> None:
    assert told({"resourceType": "Group"}, made("Patient")) == [("error", "structure", "Group")]


def test_issues_are_bounded() -> None:
    profile = made("Patient", {"id": "Patient.name.family", "min": 1})
    assert len(told(patient(name=[{"text": "A"}] * 5000), profile)) == 200


_NAMES = st.sampled_from(
    ["resourceType", "meta", "profile", "identifier", "system", "extension", "url", "name", "given", "_given", "contained",
     "entry", "resource", "value", "valueString", "coding", "code", "address", "maritalStatus", "component", "id"]
)  # fmt: skip
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5),
    st.sampled_from([*packaged().urls(), "Patient", "Observation", "Bundle", "http://electronichealth.se/identifier/personnummer"]),
)  # fmt: skip
_ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=5)),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_NAMES, _ANYTHING, max_size=8), st.sampled_from(packaged().urls()))
def test_nothing_that_is_sent_makes_a_check_raise(resource: Json, url: str) -> None:
    known = Profiles(packaged())
    for kind in ("Patient", "Observation", "Bundle", resource.get("resourceType")):
        for issue in known.check_all({**resource, "resourceType": kind}, [url]):
            assert issue.severity in ("error", "warning", "information")


_DEFINED = json.dumps(made("Patient", {"id": "Patient.name", "min": 1}, {"id": "Patient.telecom:x", "max": "1"}))


@settings(max_examples=300, deadline=None)
@given(_ANYTHING, st.sampled_from(["differential", "url", "name", "context", "baseDefinition", "version"]), st.data())
def test_no_definition_makes_a_check_raise(junk: Any, name: str, data: st.DataObject) -> None:
    said = [
        "id",
        "path",
        "min",
        "max",
        "type",
        "slicing",
        "fixedUri",
        "patternCoding",
        "minValueDate",
        "maxLength",
        "binding",
        "constraint",
    ]
    definition = json.loads(_DEFINED)
    if data.draw(st.booleans()):
        definition[name] = junk
    else:
        element = definition["differential"]["element"][data.draw(st.integers(0, 1))]
        element[data.draw(st.sampled_from(said))] = data.draw(
            st.one_of(_ANYTHING, st.lists(st.just({}), min_size=1, max_size=2))
        )
    known = Profiles()
    known.add(definition)
    resource = patient(name=[{"text": "A"}], telecom=[{"system": "phone"}])
    assert isinstance(known.check_all(resource, [URL]), list)


def test_deep_nesting_is_told_not_followed() -> None:
    nested: Json = patient()
    for _ in range(3000):
        nested = {"resourceType": "Bundle", "entry": [{"resource": nested}]}
    assert isinstance(Profiles(packaged()).check_all(nested, [URL]), list)
