"""What a resource can be found by, type by type of element."""

from decimal import Decimal
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.extract import (
    DATE,
    NUMBER,
    QUANTITY,
    REFERENCE,
    STRING,
    TEXT,
    TOKEN,
    TYPED,
    URI,
    extractor,
    main_code,
    main_date,
)
from fhircore.fold import fold
from fhircore.groups import grouped
from fhircore.moments import moment
from fhircore.outcome import InvalidFHIR
from fhircore.phonetic import phonetic
from fhircore.types import TYPES


def read(resource: dict, param: str) -> list[tuple]:
    return [(entry[0], *entry[2:]) for entry in extractor(resource["resourceType"])(resource) if entry[1] == param]


def observation(**more: object) -> dict:
    return {"resourceType": "Observation", **more}


def test_every_type_has_an_extractor_and_an_empty_resource_is_fine():
    for name in TYPES:
        found = extractor(name)({"resourceType": name})
        assert [entry[1] for entry in found] == (["deceased"] if name in ("Patient", "Person") and found else [])


def test_codings_are_tokens_and_one_code_serves_every_parameter_that_reads_it():
    resource = observation(
        code={"coding": [{"system": "s", "code": "a"}, {"code": "b"}, {"display": "c"}], "text": "d"}
    )
    assert read(resource, "combo-code") == [(TOKEN, "s", "a"), (TOKEN, None, "b")]
    assert read(resource, "code") == [(TEXT, "d"), (TOKEN, "s", "a"), (TOKEN, None, "b"), (TEXT, "c")]


def test_identifiers_are_read_by_their_type_too():
    of = {"coding": [{"system": "t", "code": "MR", "display": "Number"}], "text": "Journal"}
    found = read({"resourceType": "Patient", "identifier": [{"value": "1", "type": of}, {"type": of}]}, "identifier")
    assert [entry for entry in found if entry[0] == TYPED] == [(TYPED, "t|MR", "1")]
    assert {entry[1] for entry in found if entry[0] == TEXT} == {"Number", "Journal"}


def test_groups_hold_what_stands_together():
    part = {"code": {"coding": [{"system": "s", "code": "a"}]}, "valueQuantity": {"value": 5, "code": "g"}}
    found = dict(grouped("Observation")(observation(component=[part, {"code": {"text": "only"}}])))
    codes, values = found["component-code-value-quantity"]
    assert codes == [(TOKEN, "component-code", "s", "a")]
    assert values == [(QUANTITY, "component-value-quantity", None, "g", 5.0, 5.0)]
    assert grouped("Observation")(observation(code=part["code"])) == []
    assert grouped("Patient") is None
    assert grouped("Location")({"position": {"latitude": 59.5, "longitude": 18}}) == [("near", ((59.5, 18.0),))]


def test_codes_booleans_identifiers_and_contact_points_are_tokens():
    patient = {
        "resourceType": "Patient",
        "active": False,
        "gender": "female",
        "identifier": [{"system": "urn:x", "value": "1"}, {"system": "urn:y"}],
        "telecom": [{"system": "phone", "value": "08-1"}, {"system": "email", "value": "a@b"}, {"use": "home"}],
    }
    assert read(patient, "active") == [(TOKEN, None, "false")]
    assert read(patient, "gender") == [(TOKEN, None, "female")]
    assert read(patient, "identifier") == [(TOKEN, "urn:x", "1")]
    assert read(patient, "phone") == [(TOKEN, None, "08-1")]
    assert read(patient, "email") == [(TOKEN, None, "a@b")]
    assert read(patient, "telecom") == [(TOKEN, None, "08-1"), (TOKEN, None, "a@b")]


@pytest.mark.parametrize(
    ("deceased", "answer"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2024"}, "true"),
    ],
)
def test_deceased_is_always_answered(deceased: dict, answer: str):
    assert read({"resourceType": "Patient", **deceased}, "deceased") == [(TOKEN, None, answer)]


def test_names_and_addresses_are_read_part_by_part():
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Åström", "given": ["Eva", None, "Maria"], "text": "Eva Åström"}],
        "address": [{"line": ["Gatan 1"], "city": "Umeå", "postalCode": "903 26"}],
    }
    assert sorted(read(patient, "name")) == [(STRING, t) for t in ("Eva", "Eva Åström", "Maria", "Åström")]
    assert read(patient, "given") == [(STRING, "Eva"), (STRING, "Maria")]
    assert read(patient, "address") == [(STRING, "Gatan 1"), (STRING, "Umeå"), (STRING, "903 26")]
    assert read(patient, "address-city") == [(STRING, "Umeå")]
    assert (STRING, phonetic("Åström")) in read(patient, "phonetic")


def test_text_folds_case_accents_and_space():
    assert fold("  Åsa   ÉRIKSSON ") == "asa eriksson"
    assert fold("Bjørn Æsir Straße") == "bjorn aesir strasse"


def test_names_that_sound_alike_are_one():
    assert phonetic("Carlsson") == phonetic("Karlson") == phonetic("Karlsson")
    assert phonetic("Wiklund") == phonetic("Viklund") != phonetic("Eklund")
    assert phonetic("123") == ""


def test_references_are_as_written_without_version():
    resource = observation(
        subject={"reference": "Patient/1/_history/2"},
        performer=[{"reference": "https://x.se/fhir/Practitioner/2"}, {"reference": "#p"}, {"display": "Eva"}],
        encounter={"reference": "urn:uuid:1"},
    )
    assert read(resource, "subject") == read(resource, "patient") == [(REFERENCE, "Patient/1")]
    assert read(resource, "performer") == [(REFERENCE, "https://x.se/fhir/Practitioner/2")]
    assert read(resource, "encounter") == [(REFERENCE, "urn:uuid:1")]


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ({"reference": "Group/1"}, False),
        ({"reference": "https://x.se/fhir/Patient/1"}, True),
        ({"reference": "https://x.se/Patient/1/Group/2"}, False),
        ({"reference": "Patient/1/_history/1"}, True),
        ({"reference": "urn:uuid:1", "type": "Patient"}, True),
        ({"reference": "urn:uuid:1"}, False),
    ],
)
def test_resolve_is_looks_at_the_type_in_the_reference(subject: dict, found: bool):
    assert bool(read(observation(subject=subject), "patient")) is found


def test_the_identifier_of_a_reference_is_a_token_of_its_own():
    resource = observation(subject={"type": "Patient", "identifier": {"system": "urn:p", "value": "1"}})
    assert read(resource, "subject:identifier") == read(resource, "patient:identifier") == [(TOKEN, "urn:p", "1")]
    assert read(resource, "subject") == []


def test_a_document_bundle_points_at_its_composition():
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition", "id": "c"}}]}
    assert read(bundle, "composition") == [(REFERENCE, "Composition/c")]
    assert read(bundle, "message") == []


def test_dates_periods_and_timings_are_ranges():
    assert read(observation(effectiveDateTime="2024-05"), "date") == [(DATE, *moment("2024-05"))]
    span = read(observation(effectivePeriod={"start": "2024", "end": "2024-02"}), "date")
    assert span == [(DATE, moment("2024")[0], moment("2024-02")[1])]
    assert read(observation(effectiveTiming={"event": ["2024-05-01"]}), "date") == [(DATE, *moment("2024-05-01"))]
    assert read(observation(effectivePeriod={}), "date") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"value": Decimal("5.40"), "unit": "mg", "code": "mg", "system": "u"}, [("u", "mg", 5.4, 5.4)]),
        (
            {"value": 5, "unit": "milligram", "code": "mg", "system": "u"},
            [("u", "mg", 5.0, 5.0), (None, "milligram", 5.0, 5.0)],
        ),
        ({"value": 5, "unit": "mg"}, [(None, "mg", 5.0, 5.0)]),
        ({"value": 5}, [(None, None, 5.0, 5.0)]),
        ({"value": 5, "comparator": ">=", "code": "mg"}, [(None, "mg", 5.0, inf)]),
        ({"value": 10**400, "code": "mg"}, [(None, "mg", inf, inf)]),
        ({"unit": "mg"}, []),
    ],
)
def test_quantities_are_points_unless_they_are_compared(value: dict, found: list[tuple]):
    assert read(observation(valueQuantity=value), "value-quantity") == [(QUANTITY, *entry) for entry in found]


def test_less_than_leaves_the_limit_out():
    ((_, _, _, lo, hi),) = read(observation(valueQuantity={"value": 5, "comparator": "<"}), "value-quantity")
    assert lo == -inf
    assert 4.9999 < hi < 5


def test_money_ranges_and_samples_are_quantities():
    invoice = {"resourceType": "Invoice", "totalNet": {"value": 12.5, "currency": "SEK"}}
    assert read(invoice, "totalnet") == [(QUANTITY, "urn:iso:std:iso:4217", "SEK", 12.5, 12.5)]
    condition = {"resourceType": "Condition", "onsetRange": {"low": {"value": 3, "code": "a"}}}
    assert read(condition, "onset-age") == [(QUANTITY, None, "a", 3.0, inf)]
    sampled = {"origin": {"value": 10, "code": "mV"}, "factor": 2, "data": "1 E -3 2"}
    assert read(observation(valueSampledData=sampled), "value-quantity") == [(QUANTITY, None, "mV", 4.0, 14.0)]


def test_numbers_are_points():
    risk = {
        "resourceType": "RiskAssessment",
        "prediction": [{"probabilityDecimal": 0.5}, {"probabilityRange": {"high": {"value": 1}}}],
    }
    assert read(risk, "probability") == [(NUMBER, 0.5, 0.5), (NUMBER, -inf, 1.0)]


def test_a_canonical_is_found_with_and_without_its_version():
    resource = observation(
        meta={"profile": ["http://x/p|2"], "source": "http://x/s", "tag": [{"system": "t", "code": "c"}]}
    )
    assert read(resource, "_profile") == [(URI, "http://x/p|2"), (URI, "http://x/p")]
    assert read(resource, "_source") == [(URI, "http://x/s")]
    assert read(resource, "_tag") == [(TOKEN, "t", "c")]


def test_id_and_time_of_change_are_columns_not_values():
    assert extractor("Observation")(observation(id="1", meta={"lastUpdated": "2024-01-01T00:00:00Z"})) == []


@pytest.mark.parametrize(
    ("resource", "param"),
    [
        (observation(status=1), "status"),
        (observation(code="x"), "code"),
        (observation(code={"coding": [{"code": {}}]}), "code"),
        (observation(subject={"reference": 1}), "patient"),
        (observation(effectiveDateTime="1899-13-01"), "date"),
        (observation(effectiveDateTime={}), "date"),
        (observation(valueQuantity={"value": "5"}), "value-quantity"),
        (observation(valueQuantity={"value": 5, "comparator": "~"}), "value-quantity"),
        (observation(category={}), "category"),
        (observation(identifier=[{"system": [], "value": "1"}]), "identifier"),
        ({"resourceType": "Patient", "name": [{"given": "Eva"}], "birthDate": ["x"]}, "birthdate"),
        ({"resourceType": "Patient", "name": [{"given": "Eva"}]}, "given"),
    ],
)
def test_a_wrong_shape_is_refused_naming_the_parameter_and_no_value(resource: dict, param: str):
    with pytest.raises(InvalidFHIR) as refused:
        extractor(resource["resourceType"])(resource)
    assert f"search parameter {param} reads" in refused.value.issues[0].detail
    assert "1899" not in str(refused.value.issues)


def test_main_date_and_main_code():
    assert (main_date("Observation"), main_code("Observation")) == ("date", "code")
    assert (main_date("Immunization"), main_code("Immunization")) == ("date", "vaccine-code")
    assert (main_date("MedicationRequest"), main_code("MedicationRequest")) == ("authoredon", "code")
    assert (main_date("Condition"), main_code("Encounter")) == ("onset-date", "type")
    assert (main_date("Organization"), main_code("Parameters")) == (None, None)


JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["2024", "#", "a|b"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["coding", "code", "system", "value", "reference", "start", "identifier"]), inner
        ),
    ),
    max_leaves=8,
)
ELEMENTS = ["code", "subject", "performer", "effectiveDateTime", "effectivePeriod", "effectiveTiming", "valueQuantity"]
ELEMENTS += ["valueSampledData", "component", "meta", "identifier", "status", "basedOn", "name", "birthDate"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["Observation", "Patient"]), st.dictionaries(st.sampled_from(ELEMENTS), JUNK, max_size=4))
def test_whatever_stands_in_a_resource_it_is_read_or_refused(name: str, elements: dict):
    try:
        found = extractor(name)({"resourceType": name, **elements})
    except InvalidFHIR:
        return
    assert all(isinstance(entry[0], int) and isinstance(entry[1], str) for entry in set(found))
