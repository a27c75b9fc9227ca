"""What a resource can be found by: columns, tokens and side rows."""

from typing import Any

import pytest

from fhirserver.index import ALSO_CODE, ALSO_CONCERNED, ALSO_SUBJECT, NO_DATE, Indexer, folded, leads_to
from fhirserver.keys import Keys

KEYS = Keys(b"secret")
INDEXER = Indexer(KEYS, "http://here/fhir")
LOINC = "http://loinc.org"


def key(text: str) -> int:
    return KEYS.of(text)


def observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "1"}]},
        **more,
    }


def entries(resource: dict[str, Any], id: str = "x") -> Any:
    return INDEXER.entries(resource["resourceType"], id, resource)


def test_the_subject_the_main_code_and_the_main_date_are_columns() -> None:
    found = entries(observation(subject={"reference": "Patient/1"}, effectiveDateTime="1970-01-01T00:00:01Z"))
    assert found.pat == key("Patient/1")
    assert found.code == KEYS.token(f"Observation.code|{LOINC}|1")
    assert (found.dt, found.dte) == (1_000_000, 2_000_000)
    assert found.patients == {key("Patient/1"): "1"}
    assert key("Patient/1") not in found.refs  # the column says it
    assert KEYS.token("Observation.status||final") in found.tok


def test_a_code_is_one_token_and_what_else_it_is_asked_as_stands_once_beside_it() -> None:
    category = {"coding": [{"system": "urn:s", "code": "c"}, {"code": "alone"}]}
    found = entries(observation(category=[category]))
    full, alone = KEYS.token("Observation.category|urn:s|c"), KEYS.token("Observation.category||alone")
    assert {full, alone} <= set(found.tok)
    ways = {KEYS.token(f"Observation.{asked}") for asked in ("category|c", "category|urn:s|", "category|alone")}
    assert ways.isdisjoint(found.tok)
    assert {(KEYS.token("Observation.category|c"), full), (KEYS.token("Observation.category|urn:s|"), full)} <= (
        INDEXER.terms.waiting
    )


def test_what_has_none_of_them_says_so() -> None:
    found = entries({"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    assert (found.pat, found.code, found.dt, found.dte, found.patients) == (0, 0, NO_DATE, None, {})


def test_a_period_without_a_start_is_still_a_date() -> None:
    found = entries(observation(effectivePeriod={"end": "1970-01-01T00:00:00Z"}))
    assert found.dt == NO_DATE + 1
    assert found.dte == 1_000_000


def test_further_codes_and_subjects_stand_in_alt() -> None:
    coding = [{"system": LOINC, "code": "1"}, {"system": LOINC, "code": "2"}]
    one, two = key("Patient/1"), key("Patient/2")
    found = entries({"resourceType": "Account", "status": "active", "type": {"coding": coding},
                     "subject": [{"reference": "Patient/1"}, {"reference": "Patient/2"}]})  # fmt: skip
    first, second = (KEYS.token(f"Account.type|{LOINC}|{n}") for n in (1, 2))
    assert (found.pat, found.code) == (one, first)
    assert sorted(found.alt) == sorted([(two, first, ALSO_SUBJECT), (two, second, ALSO_CODE), (one, second, ALSO_CODE)])


def test_a_patient_who_is_no_subject_is_concerned_and_marked_so() -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/1"},
        "recorder": {"reference": "Patient/2"},
    }
    found = entries(allergy)
    assert found.pat == key("Patient/1")
    assert found.alt == [(key("Patient/2"), 0, ALSO_CONCERNED)]
    assert leads_to(KEYS, "AllergyIntolerance.recorder", key("Patient/2")) in found.tok
    assert KEYS.token("AllergyIntolerance!subject") not in found.tok
    performed = entries(
        observation(performer=[{"reference": "Patient/2"}], code={"coding": [{"code": "1"}, {"code": "2"}]})
    )
    assert performed.pat == key("Patient/2")
    assert KEYS.token("Observation!subject") in performed.tok
    assert performed.alt == [(0, KEYS.token("Observation.code||2"), ALSO_CODE)]  # not "about" the performer


def test_a_patient_is_about_itself_and_not_about_those_it_is_linked_to() -> None:
    found = entries(
        {"resourceType": "Patient", "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}]}, "1"
    )
    assert (found.pat, found.patients) == (key("Patient/1"), {key("Patient/1"): "1"})
    assert found.alt == []
    assert leads_to(KEYS, "Patient.link", key("Patient/2")) in found.tok


def test_our_own_address_is_ours_and_another_is_not() -> None:
    assert entries(observation(subject={"reference": "http://here/fhir/Patient/1"})).pat == key("Patient/1")
    for foreign in ("http://there/fhir/Patient/1", "http://here/fhirs/Patient/1", "urn:uuid:1"):
        found = entries(observation(subject={"reference": foreign}))
        assert found.pat == 0
        assert key(f"Observation.subject|{foreign}") in found.tok
    assert (
        Indexer(KEYS).entries("Observation", "x", observation(subject={"reference": "http://here/fhir/Patient/1"})).pat
        == 0
    )


@pytest.mark.parametrize("value", ["19121212-1212", "191212121212", "121212+1212"])
def test_a_personnummer_is_kept_under_its_canonical_name_too(value: str) -> None:
    oid, name = "urn:oid:1.2.752.129.2.1.3.1", "http://electronichealth.se/identifier/personnummer"
    found = entries({"resourceType": "Patient", "identifier": [{"system": oid, "value": value}]})
    for text in (f"{oid}|{value}", value, f"{name}|191212121212", "191212121212"):
        assert KEYS.token(f"Patient.identifier|{text}") in found.idt
    wrong = entries({"resourceType": "Patient", "identifier": [{"system": oid, "value": "19121212-1213"}]})
    as_written = {
        KEYS.token(f"Patient.identifier|{text}") for text in (f"{oid}|19121212-1213", f"{name}|19121212-1213")
    }
    assert as_written <= set(wrong.idt)  # found as it was written, under every name of its system
    assert KEYS.token("Patient.identifier|191212121213") not in wrong.idt


def test_strings_are_folded_and_cut() -> None:
    assert folded("  Åsa-Märta\tÖSTERLUND ") == "asa-marta osterlund"
    assert folded("Straße Ærø") == "strasse aero"
    assert len(folded("x" * 1000)) == 400
    found = entries({"resourceType": "Patient", "name": [{"family": "Å"}, {"family": "a"}]})
    assert {(h, text) for h, text, _ in found.strings} >= {(KEYS.token("Patient.family"), "a")}
    assert len({x for h, _, x in found.strings if h == KEYS.token("Patient.family")}) == 2  # told apart by :exact


def test_quantities_and_other_dates_are_ranges() -> None:
    found = entries(
        observation(valueQuantity={"value": 5.4, "system": "urn:u", "code": "mg"}, issued="1970-01-01T00:00:00Z")
    )
    quantity = (KEYS.token("Observation.value-quantity"), 5.4, 5.4, KEYS.token("unit|urn:u|mg"), KEYS.token("unit|mg"))
    assert quantity in found.rng
    assert [row[0] for row in found.rng].count(
        KEYS.token("Observation.combo-value-quantity")
    ) == 0  # searched as its parts
