"""What is claimed about invariants and value sets is true."""

from fhircore.validate import unchecked_invariants, unlisted_value_sets
from fhircore.validation.definitions import codes, shape, texts
from fhircore.validation.invariants import rules_by_path, wording
from fhircore.validation.moments import definitely_after
from fhircore.validation.primitives import FORMATS


def test_only_four_invariants_are_not_checked_because_they_can_never_apply() -> None:
    # their expressions ask for the code system 'something', which does not exist
    assert set(unchecked_invariants()) == {f"Consent ppc-{number}" for number in (2, 3, 4, 5)}


def test_every_rule_is_one_of_the_specification_at_that_place() -> None:
    for path, rules in rules_by_path().items():
        assert shape(path).fields
        for key in rules:
            near = [stated for place, stated in texts().items() if place == path or place.startswith(f"{path}.")]
            assert any(key in stated for stated in near), (path, key)
            assert len(wording(path, key)) > 5


def test_value_sets_that_are_not_listed_are_named_and_two_have_a_format() -> None:
    assert set(unlisted_value_sets()) == {
        "http://hl7.org/fhir/ValueSet/currencies",
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }
    assert set(FORMATS) < set(unlisted_value_sets())
    assert codes("http://hl7.org/fhir/ValueSet/administrative-gender") == {"male", "female", "other", "unknown"}


def test_moments_are_compared_only_when_it_is_certain() -> None:
    assert definitely_after("2021-01-02", "2021-01-01")
    assert definitely_after("2021", "2019-12-31")
    assert definitely_after("2021-01-01T12:00:00.5+01:00", "2021-01-01T11:00:00.4Z")
    assert definitely_after("2021-01-01T10:00:00Z", "2021-01-01T10:59:59+01:00")
    assert not definitely_after("2021-01-01T12:00:00+01:00", "2021-01-01T11:00:00Z")
    assert not definitely_after("2021-01", "2021-01-31")
    assert not definitely_after("2021-01-01T23:59:60Z", "2021-01-01")
    assert not definitely_after("2020-12-31", "2021-01-01T10:00:00+14:00")
