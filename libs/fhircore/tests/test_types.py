"""Every R4 resource type has a number, a door, its ties to a patient and a kind of information (D4)."""

import csv
from pathlib import Path

import pytest

from fhircore.params import params_of
from fhircore.types import NAMES, TYPES, information_type

CONTRACT = Path(__file__).parents[3] / "contracts" / "fhir" / "types.csv"


def test_all_146_types_are_there_with_numbers_given_alphabetically_once():
    assert len(TYPES) == 146
    assert [row.number for row in TYPES.values()] == list(range(1, 147))
    assert list(TYPES) == sorted(TYPES)
    assert NAMES[TYPES["Observation"].number] == "Observation"


def test_numbers_that_rows_already_carry_never_change():
    kept = {"Account": 1, "Encounter": 44, "Observation": 96, "Patient": 103, "VisionPrescription": 146}
    assert {name: TYPES[name].number for name in kept} == kept


def test_the_packaged_table_is_the_contract():
    rows = list(csv.DictReader(CONTRACT.read_text().splitlines()))
    assert [(r["name"], r["door"], r["information_type"] or None, r["kind"]) for r in rows] == [
        (t.name, t.door, t.information_type, t.kind) for t in TYPES.values()
    ]


def test_every_type_has_a_known_door_and_kind():
    assert {t.door for t in TYPES.values()} == {"vis", "region", "both", "none"}
    assert {t.kind for t in TYPES.values()} == {"patient", "register", "knowledge", "other"}
    assert {t.name for t in TYPES.values() if t.door == "none"} == {"OperationOutcome", "Parameters"}


def test_knowledge_is_written_at_the_region_and_patient_data_never():
    assert {t.door for t in TYPES.values() if t.kind == "knowledge"} == {"region"}
    assert {t.door for t in TYPES.values() if t.kind == "patient"} == {"vis"}


def test_every_type_of_patient_data_is_tied_to_a_patient_and_has_an_information_type():
    patient = [t for t in TYPES.values() if t.kind == "patient"]
    assert [t.name for t in patient if not t.about] == []
    assert [t.name for t in patient if t.information_type is None] == []
    assert [t.name for t in TYPES.values() if t.kind != "patient" and t.information_type] == []


@pytest.mark.parametrize("name", list(TYPES))
def test_patient_paths_main_date_and_main_code_are_search_parameters_of_the_type(name: str):
    known, row = params_of(name), TYPES[name]
    assert {known[param].type for param in row.patient} <= {"reference"}
    assert set(row.about) <= set(row.patient)
    assert row.main_date is None or known[row.main_date].type == "date"
    assert row.main_code is None or known[row.main_code].type == "token"


def test_an_observation_belongs_to_its_performer_too_but_is_about_its_subject():
    assert TYPES["Observation"].patient == ("subject", "performer")
    assert TYPES["Observation"].about == ("subject",)


def test_a_task_is_tied_to_its_patient_although_the_official_compartment_forgets_it():
    assert TYPES["Task"].about == ("patient", "subject")


def test_the_information_type_is_refined_by_category():
    report = {"resourceType": "DiagnosticReport", "category": [{"coding": [{"code": "LAB"}]}]}
    assert information_type(report) == "und-kkm-ure"
    assert information_type({"resourceType": "DiagnosticReport"}) == "und"
    assert information_type({"resourceType": "AllergyIntolerance", "category": ["food"]}) == "upp"
    assert information_type({"resourceType": "Organization"}) is None
