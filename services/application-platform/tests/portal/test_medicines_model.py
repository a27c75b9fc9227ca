"""Doses in words and parts, drafts from a form and back, what a check is answered with: rules without a page."""

from datetime import date
from typing import Any

import pytest

from application_platform.portal.medication import checks, commons, dosing, drafts, mine, model
from application_platform.portal.medication.checks import Answered
from application_platform.portal.medication.dosing import Dose
from application_platform.portal.medication.drafts import Fields

P = "p-1"
CAUSES = {"Condition/c-1": "Hjärtsvikt"}


@pytest.mark.parametrize(
    ("dose", "said"),
    [
        (Dose("1", "tablett", "1"), "1 tablett 1 gång per dag"),
        (Dose("2", "tablett", "3", more="med mat"), "2 tabletter 3 gånger per dag, med mat"),
        (Dose("0,5", "tablett", "2"), "0,5 tablett 2 gånger per dag"),
        (Dose("1", "tablett", needed=True, most="3"), "1 tablett vid behov, högst 3 tabletter per dygn"),
        (Dose("10", "enheter", "1"), "10 enheter 1 gång per dag"),
        (
            Dose("10", "enheter", "1", more="till natten", route="under huden"),
            "10 enheter under huden 1 gång per dag, till natten",
        ),
        (Dose(more="Enligt schema, 1–2 tabletter"), "Enligt schema, 1–2 tabletter"),
    ],
)
def test_a_dose_is_written_from_its_parts_and_taken_apart_again(dose: Dose, said: str) -> None:
    written = dosing.instruction(dose)
    assert written["text"] == said
    assert dosing.taken_apart(written) == dose


def test_a_dose_whose_words_and_parts_differ_keeps_its_words() -> None:
    written = {**dosing.instruction(Dose("1", "tablett", "1")), "text": "2 tabletter till natten"}
    assert dosing.taken_apart(written) == Dose(more="2 tabletter till natten")


def test_numbers_go_to_the_record_as_numbers() -> None:
    assert dosing.instruction(Dose("2", "ml", "1"))["doseAndRate"] == [{"doseQuantity": {"value": 2, "unit": "ml"}}]
    assert dosing.instruction(Dose("0,5", "ml", "1"))["doseAndRate"] == [{"doseQuantity": {"value": 0.5, "unit": "ml"}}]


@pytest.mark.parametrize(
    ("dose", "fields"),
    [
        (Dose(), {"amount"}),
        (Dose("en", "tablett", "1"), {"amount"}),
        (Dose("1", "", "1"), {"unit"}),
        (Dose("1", "tablett", ""), {"times"}),
        (Dose("1", "tablett", "99"), {"times"}),
        (Dose("1", "tablett", needed=True), {"most"}),
        (Dose("-1", "tablett", "1"), {"amount"}),
        (Dose("1", "tablett", "1", route="på månen"), {"route"}),
    ],
)
def test_a_dose_that_is_not_whole_says_which_field(dose: Dose, fields: set[str]) -> None:
    assert set(dosing.wrong(dose)) == fields


def test_a_common_medicine_gets_its_code_and_another_keeps_its_words() -> None:
    coded = commons.concept("metformin  tablett 500 mg")
    assert coded == {
        "coding": [{"system": commons.ATC, "code": "A10BA02", "display": "Metformin"}],
        "text": "metformin tablett 500 mg",
    }
    assert commons.concept("Metforminaria 5 mg") == {"text": "Metforminaria 5 mg"}
    assert commons.concept("Insulin glargin, 100 enheter/ml")["coding"][0]["code"] == "A10AE04"  # type: ignore[index]


def test_every_common_medicine_is_named_once_and_coded_to_its_substance() -> None:
    assert len({one.atc for one in commons.COMMONS}) == len(commons.COMMONS) >= 40
    assert {len(one.atc) for one in commons.COMMONS} == {7}
    assert all("µ" not in one and ".0" not in one for one in commons.OFFERED)


def test_a_draft_gives_its_form_back() -> None:
    fields = Fields(
        "d-1", "old", "Bisoprolol tablett 5 mg", Dose("1", "tablett", "1"), "Condition/c-1", "", "2027-02-23"
    )
    made = drafts.draft(fields, P, CAUSES)
    assert made["reasonReference"] == [{"reference": "Condition/c-1", "display": "Hjärtsvikt"}]
    assert made["priorPrescription"] == {"reference": "MedicationRequest/old"}
    assert drafts.fields_of(made, CAUSES) == fields
    assert drafts.fields_of(made, {}).cause_text == "Hjärtsvikt"  # a problem that is not current any more


def test_a_renewal_takes_over_the_dose_and_not_how_long_the_old_one_was_good_for() -> None:
    old = {
        "id": "old", "status": "active", "medicationCodeableConcept": {"text": "Bisoprolol 5 mg"}, "note": [{"text": "x"}],
        "dosageInstruction": [{"text": "1 tablett kl. 08:00"}], "reasonCode": [{"text": "Hjärtsvikt"}],
        "dispenseRequest": {"validityPeriod": {"end": "2026-12-01"}}, "meta": {"versionId": "3"},
    }  # fmt: skip
    made = drafts.renewal(old, "new", P)
    assert (made["id"], made["status"], drafts.prior_of(made)) == ("new", "draft", "old")
    assert made["dosageInstruction"] == old["dosageInstruction"]
    assert not {"note", "meta", "dispenseRequest"} & set(made)


def test_a_basket_is_of_one_patient_and_what_cannot_be_read_is_empty() -> None:
    mine_, theirs = ({"id": x, "subject": {"reference": f"Patient/{x}"}} for x in (P, "p-2"))
    assert drafts.unpacked(drafts.packed([mine_, theirs]), P) == [mine_]
    wrong = drafts.packed(
        [{**mine_, "dosageInstruction": 5}, {**mine_, "reasonCode": ["x"]}, {"subject": mine_["subject"]}]
    )
    for text in (wrong, "", "[", '{"a":1}', "[1]", "x" * 300_000):
        assert drafts.unpacked(text, P) == []


def test_the_same_prescription_is_renewed_once_in_a_basket() -> None:
    one = {"id": "a", "priorPrescription": {"reference": "MedicationRequest/old"}}
    assert drafts.put([one], {**one, "id": "b"}) == [{**one, "id": "b"}]


def test_answers_name_exactly_what_was_shown() -> None:
    form = {
        "reason:d|duplicate|MedicationRequest/x": "intended",
        "comment:d|duplicate|MedicationRequest/x": " med flit ",
        "do": "sign",
    }
    answered = checks.answers(form)
    body = checks.parameters([{"id": "d"}], answered, ["d|interaction|", "gone|interaction|"])
    parts = [
        {one["name"]: one.get("valueCode") or one.get("valueString") for one in said["part"]}
        for said in body["parameter"][1:]
    ]
    assert parts == [
        {
            "draft": "d",
            "check": "duplicate",
            "about": "MedicationRequest/x",
            "reason": "intended",
            "comment": "med flit",
        },
        {"draft": "d", "check": "interaction", "reason": "checked"},
    ]


def test_what_is_left_is_counted_in_words() -> None:
    hit = checks.Check("d", "allergy", "hit", "x", "AllergyIntolerance/1")
    told = [
        checks.Told(("Ange styrka",), (hit,)),
        checks.Told((), (checks.Check("e", "interaction", "unchecked", "x"),)),
    ]
    assert checks.left(told, {}) == [
        "uppgifter på 1 rad",
        "skäl på 1 träff",
        "ställning till det som ej är kontrollerat",
    ]
    assert checks.left(told[:1], {hit.field: Answered("benefit")}) == ["uppgifter på 1 rad"]


def a_medicine(id: str, status: str = "active", dose: str = "1 tablett", **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": id, "status": status, "medicationCodeableConcept": {"text": f"Sak{id} 5 mg"},
            "dosageInstruction": [{"text": dose}], **more}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "dose", "group"),
    [
        ("active", "1 tablett", "regular"), ("active", "1 tablett vid behov, högst 3", "needed"), ("on-hold", "1", "paused"),
        ("stopped", "1", "ended"), ("completed", "1", "ended"), ("draft", "1", "draft"), ("unknown", "1", "regular"), ("", "1", "regular"),
    ],
)  # fmt: skip
def test_a_status_that_is_not_known_is_never_taken_for_ended(status: str, dose: str, group: str) -> None:
    assert [one.group for one in model.medicines([a_medicine("1", status, dose)])] == [group]


def test_viss_copy_is_shown_where_the_region_is_behind() -> None:
    rows = model.medicines([a_medicine("1")], [a_medicine("1", "stopped"), a_medicine("2")])
    assert [(one.id, one.group, one.on_way) for one in rows] == [("1", "ended", True), ("2", "regular", True)]
    assert [one.ours for one in model.medicines([a_medicine("1")], None)] == [False]


def a_task(status: str, *notes: dict[str, Any], outcome: str = "") -> dict[str, Any]:
    output = {"output": [{"valueCode": outcome}]} if outcome else {}
    return {"resourceType": "Task", "id": "t", "status": status, "focus": {"reference": "MedicationRequest/1"},
            "authoredOn": "2026-11-23T08:00:00Z", "note": list(notes), **output}  # fmt: skip


THEIRS = {"authorString": "Tolvan", "text": "Begär förnyelse"}
OURS = {"authorReference": {"display": "Anna"}, "text": "Boka ett besök", "time": "2026-11-24T08:00:00Z"}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (a_task("requested", THEIRS), "Begärd 23 november, väntar på mottagningen"),
        (a_task("accepted", THEIRS), "Begärd 23 november, väntar på mottagningen"),
        (a_task("completed", THEIRS, OURS, outcome="declined"), "Mottagningen har svarat 24 november: Boka ett besök"),
        (a_task("requested", THEIRS, OURS, THEIRS), "Begärd 23 november, väntar på mottagningen"),
    ],
)
def test_how_far_a_wish_has_come_is_said_in_words(task: dict[str, Any], said: str) -> None:
    rows = model.medicines([a_medicine("1")], tasks=[task])
    assert mine.state(rows[0], rows, date(2026, 11, 27)) == said


def test_what_was_renewed_says_so_at_the_new_one() -> None:
    done = a_task("completed", THEIRS, {**OURS, "text": "Förnyat"}, outcome="renewed")
    new = a_medicine("2", authoredOn="2026-11-24T09:00:00Z", priorPrescription={"reference": "MedicationRequest/1"})
    rows = model.medicines([a_medicine("1", "completed", statusReason={"text": "Förnyad"}), new], tasks=[done])
    assert [mine.state(one, rows, date(2026, 11, 27)) for one in rows if one.current] == ["Förnyad 24 november"]


def test_a_medicine_that_was_renewed_began_with_the_first_prescription() -> None:
    chain = [
        a_medicine("1", "completed", authoredOn="2018-05-02"),
        a_medicine("2", "completed", authoredOn="2022-05-02", priorPrescription={"reference": "MedicationRequest/1"}),
        a_medicine("3", authoredOn="2026-05-02", priorPrescription={"reference": "MedicationRequest/2"}),
    ]
    [row] = [one for one in model.medicines(chain) if one.current]
    assert (row.begun and row.begun.date, row.since and row.since.date) == ("2018-05-02", "2026-05-02")
    circle = [a_medicine("1", priorPrescription={"reference": "MedicationRequest/2"}),
              a_medicine("2", priorPrescription={"reference": "MedicationRequest/1"})]  # fmt: skip
    assert len(model.medicines(circle)) == 2
