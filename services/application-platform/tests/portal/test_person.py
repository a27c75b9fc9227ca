"""Who a patient is, how one is found, and what must be known first."""

from datetime import date
from typing import Any

import pytest

from application_platform.portal import chart, finding
from application_platform.portal.person import person

TODAY = date(2026, 11, 23)
SYSTEM = "http://electronichealth.se/identifier/personnummer"


def a_patient(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "1",
        "identifier": [{"system": "local", "value": "42"}, {"system": SYSTEM, "value": "196101182803"}],
        "name": [
            {"use": "maiden", "family": "Ek"},
            {"use": "official", "family": "Bergström", "given": ["Stina", "Maria"]},
        ],
        "birthDate": "1961-01-18",
        "gender": "female",
        **more,
    }


def test_the_banner_names_the_patient_the_swedish_way() -> None:
    found = person(a_patient(), TODAY)
    assert (found.name, found.number_label, found.number) == ("BERGSTRÖM, Stina Maria", "Personnummer", "19610118-2803")
    assert (found.born, found.age, found.sex) == ("1961-01-18", "65\u00a0år", "kvinna")
    assert found.tab == "BERGSTRÖM, Stina Maria – 19610118-2803"


def test_what_is_missing_is_a_word() -> None:
    found = person({"resourceType": "Patient", "id": "1"}, TODAY)
    assert (found.name, found.number, found.sex, found.unidentified) == ("Namn saknas", "", "ej angivet", True)


def test_the_dead_have_the_age_they_reached() -> None:
    found = person(a_patient(deceasedDateTime="2020-01-17T10:00:00Z"), TODAY)
    assert (found.deceased, found.age) == ("2020-01-17", "blev 58\u00a0år")
    assert person(a_patient(deceasedBoolean=True), TODAY).age == ""


def test_a_protected_person_is_marked() -> None:
    assert person(a_patient(meta={"security": [{"code": "R"}]}), TODAY).protected


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("19610118-2803", "196101182803,19610118-2803"),
        ("196101182803", "196101182803,19610118-2803"),
        (" 610118-2803 ", "196101182803,19610118-2803"),
        ("6101182803", "196101182803,19610118-2803"),
        ("121212+1212", "191212121212,19121212-1212"),
        ("19610973-2393", "196109732393,19610973-2393"),
        ("98240301AA06", "98240301AA06,98240301-AA06"),
        ("991981000010", "991981000010,99198100-0010"),
    ],
)
def test_a_number_in_any_notation_is_one_search(typed: str, value: str) -> None:
    assert finding.wanted(typed, TODAY).pairs == (("identifier", value),)


def test_a_number_that_does_not_check_is_searched_as_it_is_and_told_when_nobody_has_it() -> None:
    found = finding.wanted("19610118-2804", TODAY)
    assert found.pairs == (("identifier", "196101182804,19610118-2804"),)
    assert (found.by_number, found.problem) == (False, "")
    assert found.doubt == "Numret stämmer inte. Kontrollera siffrorna."


def test_a_number_that_breaks_its_rules_is_shown_and_doubted_unless_there_is_one_that_does_not() -> None:
    mistyped = {"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "196101182804"}
    alone = person(a_patient(identifier=[mistyped]), TODAY)
    assert (alone.number, alone.unproven) == ("19610118-2804", True)
    both = person(a_patient(identifier=[mistyped, {"system": SYSTEM, "value": "196101182803"}]), TODAY)
    assert (both.number, both.unproven) == ("19610118-2803", False)


def test_names_and_a_birth_date_are_searched_together() -> None:
    found = finding.wanted("Bergström, Stina 19610118", TODAY)
    assert found.pairs == (("name", "Bergström"), ("name", "Stina"), ("birthdate", "1961-01-18"))


@pytest.mark.parametrize("typed", ["", "  ", "a", "5", "12345"])
def test_too_little_is_answered_with_how_to_write(typed: str) -> None:
    found = finding.wanted(typed, TODAY)
    assert found.pairs == ()
    assert found.problem.startswith("Skriv")


def an_allergy(**more: Any) -> dict[str, Any]:
    return {"resourceType": "AllergyIntolerance", "code": {"text": "penicillin"}, **more}


def test_none_known_and_none_recorded_are_different_texts() -> None:
    none = an_allergy(code={"coding": [{"code": "716186003"}]}, recordedDate="2026-10-02")
    texts = [chart.notices([none])[0].text, chart.notices([])[0].text]
    assert texts == ["Överkänslighet: inga kända, tillfrågad 2026-10-02", "Överkänslighet: inget registrerat"]


def test_the_severe_come_first_and_what_is_over_is_left_out() -> None:
    over = an_allergy(clinicalStatus={"coding": [{"code": "resolved"}]})
    found = chart.notices([over, an_allergy(code={"text": "jordnöt"}), an_allergy(criticality="high")])
    assert [(notice.text, notice.look) for notice in found] == [
        ("Överkänslighet: penicillin", "severe"),
        ("Överkänslighet: jordnöt", "amber"),
    ]
