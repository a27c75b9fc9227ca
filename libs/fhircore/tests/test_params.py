"""The official search parameters: all of them, resolved, and quick to load."""

import subprocess
import sys
from typing import ClassVar

import pytest

from fhircore.codegen import unread
from fhircore.extract import COLUMNS, indexed
from fhircore.params import params_of
from fhircore.path import Element, Path, Step, Unsupported, resolve
from fhircore.types import TYPES

# Choices whose expression does not say a type: these types of theirs have no meaning for the parameter.
MEANINGLESS = {
    ("CarePlan", "activity-date", "string"),
    ("Immunization", "date", "string"),
    ("Procedure", "date", "Age"),
    ("Procedure", "date", "Range"),
    ("Procedure", "date", "string"),
}


def test_all_1375_official_definitions_are_there():
    assert len({param.url for name in TYPES for param in params_of(name).values()}) == 1375
    assert sum(len(params_of(name)) for name in TYPES) == 3008


def test_1323_definitions_are_extracted_and_the_rest_is_listed():
    read = {param.url for name in TYPES for param in indexed(name)}
    left = {p.name: p.type for name in TYPES for p in params_of(name).values() if p.url not in read}
    assert len(read) == 1323
    assert sum(len(indexed(name)) for name in TYPES) == 2208
    assert {name for name, kind in left.items() if kind != "composite"} == {
        "near",
        "_text",
        "_content",
        "_query",
        *COLUMNS,
    }
    composites = {p.url for name in TYPES for p in params_of(name).values() if p.type == "composite"}
    assert len(composites) == 46


def test_what_a_path_finds_is_read_unless_it_means_nothing():
    assert {(name, *pair) for name in TYPES for pair in unread(indexed(name))} == MEANINGLESS


def test_composites_know_their_components_and_paths():
    param = params_of("Observation")["combo-code-value-quantity"]
    assert [(c.name, c.type) for c in param.components] == [
        ("combo-code", "token"),
        ("combo-value-quantity", "quantity"),
    ]
    assert [[s.name for s in path.steps] for path in param.paths] == [[], ["component"]]
    for name in TYPES:
        for found in params_of(name).values():
            assert all(component.paths for component in found.components), (name, found.name)


def test_a_shared_definition_keeps_only_what_speaks_of_its_type():
    assert params_of("Immunization")["patient"].expression == "Immunization.patient"


def test_a_code_knows_the_one_system_it_implies():
    assert params_of("Patient")["gender"].code_system == "http://hl7.org/fhir/administrative-gender"
    assert params_of("Observation")["code"].code_system is None


def test_bundles_have_no_narrative_to_search():
    assert "_text" not in params_of("Bundle")
    assert "_text" in params_of("Patient")


def test_what_is_no_r4_type_has_no_parameters():
    with pytest.raises(KeyError):
        params_of("Pasient")


def test_loading_all_takes_less_than_a_tenth_of_a_second():
    code = (
        "from fhircore.types import TYPES; from fhircore.params import params_of; from time import process_time as t\n"
        "at = t(); [params_of(n) for n in TYPES]; print(t() - at)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout) for _ in range(3)
    ]
    assert min(took) < 0.1


class Elements:
    """A made-up type with one of everything."""

    KNOWN: ClassVar = {
        ("Thing", "name"): [Element("name", "HumanName", True, "HumanName")],
        ("Thing", "value"): [
            Element("valueString", "string", False, "string"),
            Element("valueAge", "Age", False, "Age"),
        ],
        ("Thing", "owner"): [Element("owner", "Reference", False, "Reference")],
    }

    def children(self, container: str, name: str) -> list[Element]:
        return self.KNOWN.get((container, name), [])


def read(expression: str) -> list[Path]:
    return resolve(expression, "Thing", Elements())


def test_a_choice_without_type_becomes_one_path_per_type():
    assert [path.leaf for path in read("Thing.value")] == ["string", "Age"]
    assert read("Thing.value as Age") == read("(Thing.value).ofType(Age)") == read("Thing.value.as(age)")


def test_filters_stand_at_their_step():
    assert read("Thing.name.where(use='official')") == [Path((Step("name", True, "use", "official"),), "HumanName")]
    assert read("Thing.name[0]") == [Path((Step("name", True, None, None, 0),), "HumanName")]
    assert read("Thing.owner.where(resolve() is Patient)") == [Path((Step("owner"),), "Reference", "Patient")]


def test_other_types_are_left_out_and_relative_paths_start_at_the_type():
    assert read("Patient.name | Thing.owner") == read("owner") == [Path((Step("owner"),), "Reference")]


@pytest.mark.parametrize(
    "expression",
    [
        "Thing.nope",
        "Thing.name.first()",
        "Thing.name.exists()",
        "Thing.name.where(use=1)",
        "Thing.name)",
        "Thing..name",
        "Thing.name + 1",
        "Thing.name.exists() and Thing.name != false",
        "'a",
    ],
)
def test_what_is_outside_the_subset_is_refused(expression: str):
    with pytest.raises(Unsupported):
        read(expression)
