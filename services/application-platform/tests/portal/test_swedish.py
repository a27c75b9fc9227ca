"""Numbers, units, dates and ages are written the Swedish way."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application_platform.portal import swedish


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("5.6"), "5,6"),
        (Decimal("5.60"), "5,60"),
        (4820, "4\u00a0820"),
        (Decimal("1234567.5"), "1\u00a0234\u00a0567,5"),
        (Decimal("-0.5"), "\u22120,5"),
        (Decimal("0"), "0"),
        (Decimal("1E+3"), "1\u00a0000"),
        (Decimal(".5"), "0,5"),
        ("ej tagen", "ej tagen"),
        (Decimal("NaN"), "NaN"),
    ],
)
def test_a_number_has_a_decimal_comma_and_keeps_its_digits(value: object, shown: str) -> None:
    assert swedish.number(value) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_every_number_can_be_read_back_from_what_is_shown(value: Decimal) -> None:
    shown = swedish.number(value)
    assert Decimal(shown.replace("\u00a0", "").replace(",", ".").replace("\u2212", "-")) == value


@pytest.mark.parametrize(("value", "shown"), [("5.0", "5"), ("0.50", "0,5"), ("100", "100"), ("2.5", "2,5")])
def test_a_dose_never_has_a_trailing_zero(value: str, shown: str) -> None:
    assert swedish.dose(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("mm[Hg]", "mmHg"),
        ("Cel", "°C"),
        ("umol/L", "µmol/L"),
        ("ug/mL", "µg/mL"),
        ("mmol/L", "mmol/L"),
        ("{score}", ""),
        ("/min", "/min"),
        ("10*9/L", "×10⁹/L"),
        ("uppmätt", "uppmätt"),
    ],
)
def test_a_unit_is_written_as_it_is_read(code: str, shown: str) -> None:
    assert swedish.unit(code) == shown


def test_microgram_and_units_are_written_out_in_doses() -> None:
    assert [swedish.dose_unit(code) for code in ("ug", "U", "mg")] == ["mikrogram", "enheter", "mg"]


def test_an_instant_belongs_to_the_swedish_day() -> None:
    found = swedish.moment("2026-11-22T23:30:00Z")
    assert found is not None
    assert (found.date, found.clock) == ("2026-11-23", "00:30")


@pytest.mark.parametrize(("text", "shown"), [("2026", "2026"), ("2026-11", "2026-11"), ("2026-11-23", "2026-11-23")])
def test_a_date_shows_as_much_as_is_known_and_no_clock(text: str, shown: str) -> None:
    found = swedish.moment(text)
    assert found is not None
    assert (found.date, found.clock) == (shown, "")


@pytest.mark.parametrize("text", ["", None, 7, "i går", "2026-13", "2026-11-23T25:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_what_is_not_a_date_is_none(text: object) -> None:
    assert swedish.moment(text) is None


@pytest.mark.parametrize(
    ("day", "heading"),
    [
        (date(2026, 11, 23), "I dag, måndag 23 november"),
        (date(2026, 11, 22), "I går, söndag 22 november"),
        (date(2026, 11, 11), "Onsdag 11 november"),
        (date(2025, 12, 24), "Onsdag 24 december 2025"),
    ],
)
def test_a_day_is_headed_by_how_near_it_is(day: date, heading: str) -> None:
    assert swedish.day_heading(day, date(2026, 11, 23)) == heading


@pytest.mark.parametrize(
    ("born", "shown"),
    [
        (date(1948, 3, 17), "78\u00a0år"),
        (date(2024, 11, 23), "2\u00a0år"),
        (date(2024, 11, 24), "23\u00a0månader"),
        (date(2026, 11, 22), "1\u00a0dag"),
        (date(2026, 10, 1), "53\u00a0dagar"),
        (date(2027, 1, 1), ""),
    ],
)
def test_an_age_is_in_the_unit_that_matters(born: date, shown: str) -> None:
    assert swedish.age(born, date(2026, 11, 23)) == shown
