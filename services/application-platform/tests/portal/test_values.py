"""A value says what was measured, whether it is outside its reference, and that something is missing."""

from decimal import Decimal
from typing import Any

import pytest

from application_platform.portal.values import result, results, text_of


def potassium(value: str = "5.6", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "1",
        "code": {"text": "P-Kalium"},
        "valueQuantity": {"value": Decimal(value), "unit": "mmol/L"},
        **more,
    }


def interval(low: str = "3.5", high: str = "5.0", unit: str = "mmol/L") -> list[dict[str, Any]]:
    return [{"low": {"value": Decimal(low), "unit": unit}, "high": {"value": Decimal(high), "unit": unit}}]


def interpreted(code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"code": code}]}]


def test_a_value_above_its_reference_is_high_in_arrow_and_word() -> None:
    found = result(potassium(referenceRange=interval()))
    assert (found.name, found.value.plain, found.reference) == ("P-Kalium", "5,6\u00a0mmol/L", "3,5–5,0")
    assert (found.value.look, found.value.arrow, found.value.word) == ("abnormal", "up", "högt")


def test_a_value_below_its_reference_is_low() -> None:
    found = result(potassium("3.1", referenceRange=interval())).value
    assert (found.look, found.arrow, found.word) == ("abnormal", "down", "lågt")


def test_a_value_inside_its_reference_is_silent() -> None:
    found = result(potassium("5.0", referenceRange=interval())).value
    assert (found.look, found.arrow, found.word) == ("", "", "")


def test_the_laboratory_has_the_last_word_over_the_interval() -> None:
    found = result(potassium("5.6", referenceRange=interval(), interpretation=interpreted("N"))).value
    assert found.look == ""


@pytest.mark.parametrize(
    ("code", "look", "arrow", "word"),
    [
        ("H", "abnormal", "up", "högt"),
        ("L", "abnormal", "down", "lågt"),
        ("HH", "critical", "up", "kritiskt högt"),
        ("LL", "critical", "down", "kritiskt lågt"),
        ("A", "abnormal", "", "avvikande"),
        ("AA", "critical", "", "kritiskt avvikande"),
    ],
)
def test_every_interpretation_has_a_shape_and_a_word(code: str, look: str, arrow: str, word: str) -> None:
    found = result(potassium(interpretation=interpreted(code))).value
    assert (found.look, found.arrow, found.word) == (look, arrow, word)


def test_an_interval_in_another_unit_is_shown_but_judges_nothing() -> None:
    found = result(potassium("5.6", referenceRange=interval(unit="mg/dL")))
    assert (found.reference, found.value.look) == ("3,5–5,0", "")


def test_a_value_that_is_only_known_to_be_below_something_is_not_judged() -> None:
    quantity = {"value": Decimal("5"), "unit": "mg/L", "comparator": "<"}
    found = result({"code": {"text": "P-CRP"}, "valueQuantity": quantity, "referenceRange": interval("6", "9", "mg/L")})
    assert (found.value.plain, found.value.look) == ("<\u00a05\u00a0mg/L", "")


def test_blood_pressure_is_one_value() -> None:
    parts = [
        {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 62, "unit": "mm[Hg]"}},
        {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 108, "unit": "mm[Hg]"}},
    ]
    found = results({"code": {"text": "Blodtryck"}, "component": parts})
    assert [row.value.plain for row in found] == ["108/62\u00a0mmHg"]


def test_other_components_are_a_row_each() -> None:
    parts = [{"code": {"text": f"Fråga {n}"}, "valueInteger": n} for n in (1, 2)]
    assert [(row.name, row.value.number) for row in results({"component": parts})] == [
        ("Fråga 1", "1"),
        ("Fråga 2", "2"),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"valueString": "ingen växt"}, "ingen växt"),
        ({"valueBoolean": False}, "nej"),
        ({"valueCodeableConcept": {"coding": [{"display": "Positiv"}]}}, "Positiv"),
        ({"valueInteger": 1200}, "1\u00a0200"),
        ({"valueDateTime": "2026-11-23"}, "2026-11-23"),
        ({"valueRange": {"low": {"value": 2}, "high": {"value": 4, "unit": "mm"}}}, "2–4\u00a0mm"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1:128"),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, "ej tagen"),
        ({}, "svar saknas"),
    ],
)
def test_every_kind_of_value_is_words_and_a_missing_one_is_never_a_dash(value: dict[str, Any], shown: str) -> None:
    found = result({"code": {"text": "x"}, **value}).value
    assert (found.number.replace("1\u00a0:", "1:"), found.is_text) == (shown, True)


def test_a_concept_is_called_by_its_text_then_display_then_code() -> None:
    codings = [{"code": "1"}, {"code": "2", "display": "två"}]
    assert [
        text_of({"text": "ett", "coding": codings}),
        text_of({"coding": codings}),
        text_of({"coding": [{"code": "1"}]}),
    ] == [
        "ett",
        "två",
        "1",
    ]
