"""Dates are half-open ranges as wide as their precision, and without a zone they are Swedish."""

from datetime import UTC, datetime

import pytest

from fhircore.moments import EARLIEST, LATEST, moment, period, timing


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("2024", "2024-01-01T00:00:00+01:00", "2025-01-01T00:00:00+01:00"),
        ("2024-12", "2024-12-01T00:00:00+01:00", "2025-01-01T00:00:00+01:00"),
        ("2024-03", "2024-03-01T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
        ("2024-02-29", "2024-02-29T00:00:00+01:00", "2024-03-01T00:00:00+01:00"),
        ("2024-03-31", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
        ("2024-06-15T10:30", "2024-06-15T10:30:00+02:00", "2024-06-15T10:31:00+02:00"),
        ("2024-06-15T10:30:00", "2024-06-15T10:30:00+02:00", "2024-06-15T10:30:01+02:00"),
        ("2024-06-15T10:30:00Z", "2024-06-15T10:30:00+00:00", "2024-06-15T10:30:01+00:00"),
        ("2024-06-15T10:30:00.25-05:30", "2024-06-15T16:00:00.250+00:00", "2024-06-15T16:00:00.260+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_a_moment_is_as_wide_as_it_is_precise(text: str, lo: str, hi: str):
    assert moment(text) == (micros(lo), micros(hi))


def test_a_day_with_the_change_of_clocks_has_23_hours():
    lo, hi = moment("2024-03-31")
    assert (hi - lo) == 23 * 3600 * 1_000_000


def test_more_digits_than_microseconds_are_one_microsecond():
    lo, hi = moment("2024-01-01T00:00:00.123456789Z")
    assert hi - lo == 1
    assert lo % 1_000_000 == 123456


@pytest.mark.parametrize("text", ["0001", "0001-01-01", "9999", "9999-12", "9999-12-31"])
def test_the_ends_of_the_calendar_are_ranges_too(text: str):
    lo, hi = moment(text)
    assert EARLIEST < lo < hi < LATEST


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "24", "2024-13", "2024-02-30", "20240101", "2024-1-1", "2024-W01-1", "0000"),
        *("2024-01-01 10:00", "2024-01-01T10", "2024-01-01T24:00:00Z", "2024-01-01T10:00:00z"),
        *("2024-01-01T10:00:00+15:30", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_is_no_date_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        moment(text)


def test_a_period_without_an_end_is_open():
    assert period({"start": "2024-01-01T00:00:00Z"}) == (micros("2024-01-01T00:00:00+00:00"), LATEST)
    assert period({"end": "2024"}) == (EARLIEST, micros("2025-01-01T00:00:00+01:00"))
    assert period({}) is None


def test_a_timing_is_its_outer_limits():
    value = {
        "event": ["2024-01-03", "2024-01-01"],
        "repeat": {"boundsPeriod": {"start": "2024-01-02", "end": "2024-01-05"}},
    }
    assert timing(value) == (moment("2024-01-01")[0], moment("2024-01-05")[1])
    assert timing({"code": {"text": "daily"}}) is None
