"""What a prescription must say, what its checks find, and how it is renewed, paused and ended: rules without a database."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kit.caller import Caller, Commission
from vis.care import medicines
from vis.care.asking import NotNow, NotYours
from vis.care.checking import ATC, Check, Known, checks, open_checks
from vis.care.dosing import dose_faults, has_strength, misreadable

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def caller(role: str = "Läkare", subject: str = "SE-ANNA") -> Caller:
    unit = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", role)
    return Caller(subject, "staff", "portal", name="Anna Lind", commission=unit)


def a_medicine(
    id: str, name: str = "Metformin tablett 500 mg", code: str = "A10BA02", status: str = "active", **more: Any
) -> dict[str, Any]:
    coded = {"coding": [{"system": ATC, "code": code}]} if code else {}
    return {
        "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order",
        "subject": {"reference": "Patient/p"}, "medicationCodeableConcept": {**coded, "text": name},
        "dosageInstruction": [{"text": "1 tablett kl. 08:00"}], "reasonCode": [{"text": "Diabetes typ 2"}], **more,
    }  # fmt: skip


def an_allergy(id: str, text: str, code: str = "", **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": ATC, "code": code}]} if code else {}
    active = {"clinicalStatus": {"coding": [{"code": "active"}]}}
    return {"resourceType": "AllergyIntolerance", "id": id, **active, "code": {**coded, "text": text}, **more}


NO_ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "none",
    "code": {
        "coding": [{"system": "http://snomed.info/sct", "code": "716186003"}],
        "text": "Ingen känd överkänslighet",
    },
}


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("75 µg", "Skriv mikrogram med hela ordet"),
        ("75 μg", "Skriv mikrogram med hela ordet"),
        ("75 mcg", "Skriv mikrogram med hela ordet"),
        ("10 E", "Skriv enheter med hela ordet"),
        ("10U", "Skriv enheter med hela ordet"),
        ("800 IE", "Skriv enheter med hela ordet"),
        ("5,0 mg", "Skriv talet utan nolla sist efter kommatecknet"),
        ("2,50 mg", "Skriv talet utan nolla sist efter kommatecknet"),
        (",5 mg", "Skriv noll före kommatecknet"),
        ("ta ,5 mg", "Skriv noll före kommatecknet"),
        ("2.5 mg", "Skriv decimaler med kommatecken"),
        ("1 tablett\n2 gånger", "Skriv på en rad"),
    ],
)
def test_what_may_be_misread_is_said_as_what_to_write(text: str, say: str) -> None:
    assert misreadable(text) == [say]


@pytest.mark.parametrize(
    "text",
    ["75 mikrogram", "10 enheter", "0,5 mg", "2,05 mg", "10 mg", "1 tablett kl. 08:00 och 20:00", "1 000 mg", "400 mg i 5 ml", "1 tablett kl.08:00", "E-vitamin 100 mg"],
)  # fmt: skip
def test_what_is_written_well_is_left_alone(text: str) -> None:
    assert misreadable(text) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Metformin tablett 500 mg", True), ("Levotyroxin tablett 75 mikrogram", True), ("Furosemid 10 mg/ml", True),
        ("Kolekalciferol 800 enheter", True), ("Hydrokortison kräm 1 %", True), ("Alvedon", False), ("Tablett 500", False),
    ],
)  # fmt: skip
def test_a_strength_is_a_number_with_its_unit(name: str, found: bool) -> None:
    assert has_strength(name) is found


@pytest.mark.parametrize(
    ("dosage", "said"),
    [
        ({"text": "1 tablett kl. 08:00"}, []),
        ({"text": "Enligt överenskommelse"}, ["Skriv dosen med siffror, till exempel 1 tablett kl. 08:00"]),
        ({"text": "1 tablett vid behov"}, ["Skriv högsta dos per dygn när läkemedlet tas vid behov"]),
        ({"text": "1 tablett vid behov, högst 3 per dygn"}, []),
        ({"text": "1 tablett", "timing": {"repeat": {"frequency": 2}}}, ["Ange dos per tillfälle med enhet", "Ange hur ofta läkemedlet tas"]),
        ({"text": "1 tablett 2 gånger per dag", "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
          "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablett"}}]}, []),
    ],
)  # fmt: skip
def test_a_dose_is_unambiguous(dosage: dict[str, Any], said: list[str]) -> None:
    assert dose_faults(dosage) == said


def test_a_prescription_says_what_for_how_much_and_why() -> None:
    assert medicines.faults(a_medicine("m"), "p") == []
    bare = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "draft",
        "subject": {"reference": "Patient/other"},
    }
    assert [at for at, _ in medicines.faults(bare, "p")] == ["subject", "medication", "dosageInstruction", "reasonCode"]


@pytest.mark.parametrize("role", ["Sjuksköterska", "Undersköterska", "Verksamhetschef", ""])
def test_only_who_may_prescribe_prescribes(role: str) -> None:
    medicines.may_prescribe(caller())
    with pytest.raises(NotYours):
        medicines.may_prescribe(caller(role))


@pytest.mark.parametrize("patient", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-01"}, {"active": False}])
def test_nothing_is_prescribed_to_the_dead(patient: dict[str, Any]) -> None:
    medicines.must_live({"active": True})
    with pytest.raises(NotNow):
        medicines.must_live(patient)


def test_what_is_signed_is_the_callers_whoever_the_draft_names() -> None:
    draft = a_medicine("m", status="draft", requester={"display": "Någon annan"}, meta={"versionId": "7"})
    made = medicines.signed(draft, caller(), NOW, [])
    assert (made["status"], made["requester"]["display"], made["authoredOn"]) == (
        "active", "Anna Lind", "2026-11-27T09:00:00+00:00",
    )  # fmt: skip
    assert "meta" not in made


def test_a_renewal_is_a_new_row_and_the_old_one_ends_with_its_reason() -> None:
    old = a_medicine("old", note=[{"text": "gammal"}])
    draft = medicines.renewal_of(old, "new", "p")
    assert (draft["id"], draft["priorPrescription"], "note" in draft) == (
        "new", {"reference": "MedicationRequest/old"}, False,
    )  # fmt: skip
    ended = medicines.renewed(old)
    assert (ended["status"], medicines.ended_as(ended)) == ("completed", "renewed")
    with pytest.raises(NotNow):
        medicines.renewed(ended)


@pytest.mark.parametrize("status", ["stopped", "cancelled", "entered-in-error"])
def test_what_was_ended_is_not_renewed(status: str) -> None:
    with pytest.raises(NotNow):
        medicines.renewal_of(a_medicine("old", status=status), "new", "p")


def test_a_medicine_is_paused_taken_up_and_stopped_with_a_reason() -> None:
    paused = medicines.held(a_medicine("m"), caller(), "Inför operation", NOW)
    assert (paused["status"], paused["statusReason"]["text"]) == ("on-hold", "Inför operation")
    again = medicines.released(paused, caller(), "", NOW)
    assert (again["status"], "statusReason" in again) == ("active", False)
    ended = medicines.stopped(again, caller(), "side-effect", "Yrsel", NOW)
    assert (ended["status"], medicines.ended_as(ended), ended["statusReason"]["text"]) == (
        "stopped", "side-effect", "Biverkning. Yrsel",
    )  # fmt: skip
    assert [one["text"] for one in ended["note"]] == [
        "Pausad: Inför operation",
        "Återinsatt",
        "Utsatt: Biverkning. Yrsel",
    ]
    for act in (medicines.held, medicines.released):
        with pytest.raises(NotNow):
            act(ended, caller(), "x", NOW)


def found(draft: Any, *standing: Any, allergies: Any = (NO_ALLERGY,), **more: Any) -> dict[str, list[Check]]:
    listed = checks(draft, [draft], Known(list(standing), list(allergies), **more))
    return {code: [one for one in listed if one.code == code] for code in ("duplicate", "allergy", "interaction")}


def test_normal_is_clear_and_nothing_need_be_answered() -> None:
    told = checks(a_medicine("new"), [a_medicine("new")], Known([], [NO_ALLERGY]))
    assert {one.code: one.state for one in told} == {"duplicate": "clear", "allergy": "clear", "interaction": "clear"}
    assert open_checks(told, []) == []


def test_the_same_substance_twice_is_a_hit_by_code_or_by_name() -> None:
    by_code = found(a_medicine("new"), a_medicine("old", "Glucophage tablett 500 mg"))["duplicate"]
    assert [(one.state, one.about) for one in by_code] == [("hit", "MedicationRequest/old")]
    by_name = found(a_medicine("new"), a_medicine("old", "metformin, 850 mg", code=""))["duplicate"]
    assert [one.state for one in by_name] == ["hit"]
    basket = [a_medicine("a"), a_medicine("b")]
    assert [one.about for one in checks(basket[0], basket, Known([], [NO_ALLERGY])) if one.state == "hit"] == [
        "MedicationRequest/b"
    ]


def test_what_is_renewed_is_no_duplicate_of_what_renews_it() -> None:
    old, new = a_medicine("old"), a_medicine("new", priorPrescription={"reference": "MedicationRequest/old"})
    assert [one.state for one in found(new, old)["duplicate"]] == ["clear"]


@pytest.mark.parametrize(
    ("draft", "standing", "more"),
    [
        (a_medicine("new", "Metformin 500 mg", code=""), [], {}),
        (a_medicine("new"), [a_medicine("old", "Trombyl 75 mg", code="")], {}),
        (a_medicine("new"), [], {"gap": "Något visas inte"}),
    ],
)
def test_what_has_no_code_or_is_hidden_is_not_checked_and_never_clear(draft: Any, standing: Any, more: Any) -> None:
    assert [one.state for one in found(draft, *standing, **more)["duplicate"]] == ["unchecked"]


def test_what_could_not_be_read_is_not_checked() -> None:
    told = checks(a_medicine("new"), [], Known(None, None))
    assert {(one.code, one.state) for one in told} == {
        ("duplicate", "unchecked"), ("allergy", "unchecked"), ("interaction", "unchecked"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("allergy", "state"),
    [
        (an_allergy("a", "penicillin", criticality="high"), "hit"),
        (an_allergy("a", "PC-allergi", code="J01C"), "hit"),
        (an_allergy("a", "Amoxicillin"), "hit"),
        (an_allergy("a", "jordnöt", category=["food"]), "clear"),
        (an_allergy("a", "cefalosporin"), "clear"),
        (an_allergy("a", "okänd antibiotika"), "unchecked"),
        (an_allergy("a", "penicillin", verificationStatus={"coding": [{"code": "refuted"}]}), "unchecked"),
    ],
)
def test_an_allergy_is_found_by_code_group_or_name(allergy: dict[str, Any], state: str) -> None:
    draft = a_medicine("new", "Amoxicillin tablett 500 mg", code="J01CA04")
    told = found(draft, allergies=[allergy])["allergy"]
    assert [one.state for one in told] == [state]
    assert told[0].severe == (allergy.get("criticality") == "high")


def test_an_allergy_that_was_never_asked_about_is_not_checked() -> None:
    assert [one.state for one in found(a_medicine("new"), allergies=[])["allergy"]] == ["unchecked"]


def test_interactions_are_not_checked_as_soon_as_there_is_another_medicine() -> None:
    [told] = found(a_medicine("new"), a_medicine("old", "Apixaban tablett 5 mg", "B01AF02"))["interaction"]
    assert told.state == "unchecked"
    assert open_checks([told], [("interaction", "")]) == []
    assert open_checks([told], [("duplicate", "")]) == [told]
