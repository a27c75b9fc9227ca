"""Slices of every kind of discriminator, by profiles made for it (http://hl7.org/fhir/R4/profiling.html#slicing)."""

from typing import Any

import pytest

from fhircore.outcome import Issue
from fhircore.profiles import Profiles

Json = dict[str, Any]
URL = "http://example.org/fhir/StructureDefinition/made"


def made(kind: str, *elements: Json, url: str = URL, base: str = "", **more: Any) -> Json:
    """A profile of a type with this differential; an element is its id and what is said of it."""
    found = []
    for one in elements:
        path = ".".join(part.partition(":")[0] for part in one["id"].split("."))
        name = one["id"].rpartition(".")[2].partition(":")[2]
        found.append({"path": path, **({"sliceName": name} if name else {}), **one})
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": url.rpartition("/")[2],
        "kind": "resource",
        "type": kind,
        "baseDefinition": base or f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "derivation": "constraint",
        "differential": {"element": found},
        **more,
    }


def sliced(kind: str, path: str, rules: str = "open", **more: Any) -> Json:
    return {"slicing": {"discriminator": [{"type": kind, "path": path}], "rules": rules, **more}}


def wrong(resource: Json, *profiles: Json) -> list[Issue]:
    """The errors of a resource that must meet the first of these profiles; the others are known."""
    known = Profiles()
    known.replace(profiles)
    assert known.known(profiles[0]["url"]), known.why_not(profiles[0]["url"])
    return [one for one in known.check(resource, [profiles[0]["url"]]) if one.severity == "error"]


def places(found: list[Issue]) -> list[str | None]:
    return [one.at for one in found]


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


OF_PHONES = (
    {"id": "Patient.telecom", **sliced("value", "system")},
    {"id": "Patient.telecom:phone", "min": 1, "max": "2"},
    {"id": "Patient.telecom:phone.system", "fixedCode": "phone"},
    {"id": "Patient.telecom:phone.value", "min": 1},
)


def phone(**more: Any) -> Json:
    return {"system": "phone", **more}


def test_by_value_how_many_and_what_is_in_them() -> None:
    profile = made("Patient", *OF_PHONES)
    assert wrong(patient(telecom=[phone(value="1"), {"system": "email", "value": "a"}]), profile) == []
    assert places(wrong(patient(telecom=[{"system": "email", "value": "a"}]), profile)) == ["Patient.telecom"]
    assert places(wrong(patient(active=True), profile)) == ["Patient.telecom"]
    assert places(wrong(patient(telecom=[phone(value="1")] * 3), profile)) == ["Patient.telecom[2]"]
    (missing,) = wrong(patient(telecom=[{"system": "email"}, phone(use="home")]), profile)
    assert missing.at == "Patient.telecom[1].value"
    assert missing.detail == "made, slice phone: value is required."


def test_by_value_through_several_steps_of_which_one_is_sliced_itself() -> None:
    profile = made(
        "Observation",
        {"id": "Observation.component", **sliced("value", "code.coding.code")},
        {"id": "Observation.component:sys", "min": 1, "max": "1"},
        {"id": "Observation.component:sys.code.coding", **sliced("value", "code")},
        {"id": "Observation.component:sys.code.coding:loinc", "min": 1},
        {"id": "Observation.component:sys.code.coding:loinc.code", "fixedCode": "8480-6"},
    )
    part = {"code": {"coding": [{"code": "a"}, {"code": "8480-6"}]}}
    assert wrong(observation(component=[part]), profile) == []
    assert places(wrong(observation(component=[part, part]), profile)) == ["Observation.component[1]"]
    assert places(wrong(observation(component=[{"code": {"coding": [{"code": "a"}]}}]), profile)) == [
        "Observation.component"
    ]


def test_by_pattern() -> None:
    profile = made(
        "Observation",
        {"id": "Observation.category", **sliced("pattern", "$this")},
        {
            "id": "Observation.category:lab",
            "min": 1,
            "max": "1",
            "patternCodeableConcept": {"coding": [{"system": "s", "code": "lab"}]},
        },
    )
    lab = {"coding": [{"system": "s", "code": "lab", "display": "more"}, {"code": "b"}]}
    assert wrong(observation(category=[lab, {"text": "x"}]), profile) == []
    assert places(wrong(observation(category=[lab, lab]), profile)) == ["Observation.category[1]"]
    assert places(wrong(observation(category=[{"coding": [{"system": "t", "code": "lab"}]}]), profile)) == [
        "Observation.category"
    ]


def test_by_the_required_value_set_of_the_discriminated_element() -> None:
    colours = {
        "resourceType": "ValueSet",
        "url": "http://example.org/vs",
        "compose": {"include": [{"system": "c", "concept": [{"code": "red"}, {"code": "blue"}]}]},
    }
    profile = made(
        "Observation",
        {"id": "Observation.category", **sliced("value", "coding")},
        {"id": "Observation.category:colour", "max": "1"},
        {"id": "Observation.category:colour.coding", "binding": {"strength": "required", "valueSet": colours["url"]}},
    )
    red, blue = ({"coding": [{"system": "c", "code": code}]} for code in ("red", "blue"))
    assert wrong(observation(category=[red, {"coding": [{"system": "d", "code": "red"}]}]), profile, colours) == []
    assert places(wrong(observation(category=[red, blue]), profile, colours)) == ["Observation.category[1]"]


def test_by_type_of_a_choice_said_or_implied() -> None:
    said = made(
        "Observation",
        {"id": "Observation.value[x]", **sliced("type", "$this", "closed")},
        {"id": "Observation.value[x]:valueQuantity", "type": [{"code": "Quantity"}]},
        {"id": "Observation.value[x]:valueQuantity.unit", "min": 1},
    )
    implied = made(
        "Observation", {"id": "Observation.valueQuantity"}, {"id": "Observation.valueQuantity.unit", "min": 1}
    )
    for profile in (said, implied):
        assert wrong(observation(valueQuantity={"value": 1, "unit": "g"}), profile) == []
        assert places(wrong(observation(valueQuantity={"value": 1}), profile)) == ["Observation.value.unit"]
    assert places(wrong(observation(valueString="x"), said)) == ["Observation.value"]
    assert wrong(observation(valueString="x"), implied) == []


def test_by_type_of_what_a_reference_points_to() -> None:
    profile = made(
        "Observation",
        {"id": "Observation.performer", **sliced("type", "resolve()")},
        {
            "id": "Observation.performer:unit",
            "min": 1,
            "max": "1",
            "type": [{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"]}],
        },
    )
    unit, person = {"reference": "Organization/1"}, {"reference": "Practitioner/1"}
    assert wrong(observation(performer=[unit, person]), profile) == []
    assert wrong(observation(performer=[{"type": "Organization", "display": "A"}]), profile) == []
    assert places(wrong(observation(performer=[person]), profile)) == ["Observation.performer"]
    inside = [{"resourceType": "Organization", "id": "o", "name": "A"}]
    assert wrong(observation(performer=[{"reference": "#o"}], contained=inside), profile) == []


def test_by_type_of_the_resources_in_a_bundle() -> None:
    profile = made(
        "Bundle",
        {"id": "Bundle.entry", **sliced("type", "resource", "closed")},
        {"id": "Bundle.entry:who", "min": 1, "max": "1"},
        {"id": "Bundle.entry:who.resource", "type": [{"code": "Patient"}]},
        {"id": "Bundle.entry:what", "max": "*"},
        {"id": "Bundle.entry:what.resource", "type": [{"code": "Observation"}]},
    )
    who, what = {"resource": patient(active=True)}, {"resource": observation()}
    bundle = {"resourceType": "Bundle", "type": "collection"}
    assert wrong({**bundle, "entry": [what, who, what]}, profile) == []
    assert places(wrong({**bundle, "entry": [what]}, profile)) == ["Bundle.entry"]
    group = {"resource": {"resourceType": "Group"}}
    assert places(wrong({**bundle, "entry": [who, group]}, profile)) == ["Bundle.entry[1]"]


def test_by_existence() -> None:
    profile = made(
        "Patient",
        {"id": "Patient.identifier", **sliced("exists", "period.end")},
        {"id": "Patient.identifier:ended", "max": "1"},
        {"id": "Patient.identifier:ended.period.end", "min": 1},
        {"id": "Patient.identifier:standing", "min": 1, "max": "1"},
        {"id": "Patient.identifier:standing.period.end", "max": "0"},
    )
    old, new = {"value": "1", "period": {"end": "2020"}}, {"value": "2"}
    assert wrong(patient(identifier=[old, new]), profile) == []
    assert places(wrong(patient(identifier=[old]), profile)) == ["Patient.identifier"]
    assert places(wrong(patient(identifier=[new, old, old]), profile)) == ["Patient.identifier[2]"]


def test_by_profile() -> None:
    named = made("HumanName", {"id": "HumanName.family", "min": 1}, url="http://example.org/named")
    texted = made("HumanName", {"id": "HumanName.text", "min": 1}, url="http://example.org/texted")
    profile = made(
        "Patient",
        {"id": "Patient.name", **sliced("profile", "$this", "closed")},
        {"id": "Patient.name:named", "max": "1", "type": [{"code": "HumanName", "profile": [named["url"]]}]},
        {"id": "Patient.name:texted", "max": "1", "type": [{"code": "HumanName", "profile": [texted["url"]]}]},
    )
    assert wrong(patient(name=[{"family": "A"}, {"text": "B"}]), profile, named, texted) == []
    assert places(wrong(patient(name=[{"given": ["C"]}]), profile, named, texted)) == ["Patient.name[0]"]
    assert places(wrong(patient(name=[{"text": "B"}, {"text": "B"}]), profile, named, texted)) == ["Patient.name[1]"]


def test_by_the_value_in_an_extension() -> None:
    kind = "http://example.org/kind"
    profile = made(
        "Patient",
        {"id": "Patient.contact", **sliced("value", f"extension('{kind}').value")},
        {"id": "Patient.contact:near", "min": 1, "max": "1"},
        {"id": "Patient.contact:near.extension", **sliced("value", "url")},
        {"id": "Patient.contact:near.extension:kind", "min": 1},
        {"id": "Patient.contact:near.extension:kind.url", "fixedUri": kind},
        {"id": "Patient.contact:near.extension:kind.value[x]", "fixedCode": "near"},
    )
    near = {"extension": [{"url": kind, "valueCode": "near"}], "gender": "male"}
    far = {"extension": [{"url": kind, "valueCode": "far"}], "gender": "male"}
    assert wrong(patient(contact=[far, near]), profile) == []
    assert places(wrong(patient(contact=[far]), profile)) == ["Patient.contact"]


def test_by_two_discriminators_at_once() -> None:
    both = {"slicing": {"rules": "open", "discriminator": [{"type": "value", "path": p} for p in ("system", "use")]}}
    profile = made(
        "Patient",
        {"id": "Patient.telecom", **both},
        {"id": "Patient.telecom:home", "min": 1},
        {"id": "Patient.telecom:home.system", "fixedCode": "phone"},
        {"id": "Patient.telecom:home.use", "patternCode": "home"},
    )
    assert wrong(patient(telecom=[phone(use="home")]), profile) == []
    assert places(wrong(patient(telecom=[phone(use="work")]), profile)) == ["Patient.telecom"]


def test_closed_open_at_end_and_ordered_rules() -> None:
    def profile(**how: Any) -> Json:
        mail = ({"id": "Patient.telecom:mail", "max": "*"}, {"id": "Patient.telecom:mail.system", "fixedCode": "email"})
        return made("Patient", {"id": "Patient.telecom", **sliced("value", "system", **how)}, *OF_PHONES[1:], *mail)

    call, mail, fax = phone(value="1"), {"system": "email", "value": "a"}, {"system": "fax", "value": "2"}
    assert wrong(patient(telecom=[mail, call]), profile(rules="closed")) == []
    assert places(wrong(patient(telecom=[mail, fax, call]), profile(rules="closed"))) == ["Patient.telecom[1]"]
    assert wrong(patient(telecom=[mail, call, fax]), profile(rules="openAtEnd")) == []
    assert places(wrong(patient(telecom=[fax, call]), profile(rules="openAtEnd"))) == ["Patient.telecom[1]"]
    assert wrong(patient(telecom=[call, fax, mail]), profile(ordered=True)) == []
    assert places(wrong(patient(telecom=[mail, call]), profile(ordered=True))) == ["Patient.telecom[1]"]


def test_what_is_in_no_slice_meets_the_default() -> None:
    default = ({"id": "Patient.telecom:@default"}, {"id": "Patient.telecom:@default.use", "min": 1})
    profile = made("Patient", *OF_PHONES, *default)
    found = wrong(patient(telecom=[phone(value="1"), {"system": "fax", "value": "2"}]), profile)
    assert places(found) == ["Patient.telecom[1].use"]


def test_a_slice_is_sliced_again() -> None:
    again = (
        {"id": "Patient.telecom:phone", **sliced("value", "use")},
        {"id": "Patient.telecom:phone/home", "max": "1"},
        {"id": "Patient.telecom:phone/home.use", "fixedCode": "home"},
    )
    profile = made("Patient", *OF_PHONES, *again)
    assert wrong(patient(telecom=[phone(value="1", use="home"), phone(value="2", use="work")]), profile) == []
    found = wrong(patient(telecom=[phone(value="1", use="home"), phone(value="2", use="home")]), profile)
    assert places(found) == ["Patient.telecom[1]"]


def test_without_ids_slices_are_known_by_their_order() -> None:
    profile = made("Patient", *OF_PHONES)
    for element in profile["differential"]["element"]:
        del element["id"]
    assert wrong(patient(telecom=[phone(value="1")]), profile) == []
    assert places(wrong(patient(telecom=[phone(use="home")]), profile)) == ["Patient.telecom[0].value"]


def test_a_profile_on_a_profile_keeps_the_slices_and_adds_to_them() -> None:
    base = made("Patient", *OF_PHONES)
    further = made(
        "Patient",
        {"id": "Patient.telecom:phone.use", "min": 1},
        {"id": "Patient.telecom:mail", "max": "0"},
        {"id": "Patient.telecom:mail.system", "fixedCode": "email"},
        url="http://example.org/further",
        base=URL,
    )
    found = wrong(
        patient(telecom=[phone(use="home"), {"system": "email", "value": "x"}, phone(value="2")]), further, base
    )
    assert places(found) == ["Patient.telecom[0].value", "Patient.telecom[2].use", "Patient.telecom[1]"]


@pytest.mark.parametrize("path", ["a b", "where(true)", "extension(x)", "code.", "..", "first()"])
def test_a_discriminator_that_is_none_makes_the_profile_unusable(path: str) -> None:
    profile = made(
        "Patient", {"id": "Patient.telecom", **sliced("value", path)}, {"id": "Patient.telecom:x", "max": "1"}
    )
    known = Profiles()
    known.add(profile)
    assert known.check(patient(telecom=[phone(value="1")]), [URL]) == []
    assert not known.known(URL)
    assert "discriminator" in known.why_not(URL)
