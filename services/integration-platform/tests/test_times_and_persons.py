"""Times keep their precision and get the right offset; person identifiers become one canonical form."""

from datetime import date

import pytest

from integration_platform.translate.persons import (
    PERSONNUMMER,
    RESERVNUMMER,
    SAMORDNINGSNUMMER,
    birth_number,
    person_identifier,
)
from integration_platform.translate.times import Clock, time_of_day

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("20260302", "2026-03-02"),
        ("2026030208", "2026-03-02T08:00:00+01:00"),
        ("202607020830", "2026-07-02T08:30:00+02:00"),
        ("20260302083015", "2026-03-02T08:30:15+01:00"),
        ("20260302083015.1230", "2026-03-02T08:30:15.1230+01:00"),
        ("20260302083015+0000", "2026-03-02T08:30:15+00:00"),
        ("20260302083015-0530", "2026-03-02T08:30:15-05:30"),
        ("20260230", None),
        ("20260302256060", None),
        ("igår", None),
        ("", None),
    ],
)
def test_a_time_without_offset_is_swedish_and_keeps_its_precision(written: str, meant: str | None) -> None:
    assert Clock().date_time(written) == meant


def test_the_offset_of_msh_7_holds_for_the_message_unless_it_is_just_swedish_time() -> None:
    assert Clock.of("20260302120000+0100").date_time("202607020830") == "2026-07-02T08:30:00+02:00"
    assert Clock.of("20260302120000-0500").date_time("202607020830") == "2026-07-02T08:30:00-05:00"
    assert Clock.of("20260302120000").date_time("202607020830") == "2026-07-02T08:30:00+02:00"


def test_times_of_day() -> None:
    assert time_of_day("0830") == "08:30:00"
    assert time_of_day("2460") is None


@pytest.mark.parametrize(
    "written", ["191212121212", "19121212-1212", "121212+1212", "19 121212 1212", "1912 1212-1212"]
)
def test_every_notation_of_a_personnummer_is_one_number(written: str) -> None:
    assert birth_number(written, TODAY) == (PERSONNUMMER, "191212121212")


def test_ten_digits_are_the_youngest_person_they_can_be() -> None:
    assert birth_number("900222-2397", TODAY) == (PERSONNUMMER, "199002222397")
    assert birth_number("0302022389", TODAY) == (PERSONNUMMER, "200302022389")


def test_a_day_above_60_is_a_samordningsnummer() -> None:
    assert birth_number("196109732393", TODAY) == (SAMORDNINGSNUMMER, "196109732393")


@pytest.mark.parametrize("written", ["191212121213", "191213121212", "201302291212", "abc", "", "1234567"])
def test_a_wrong_number_identifies_nobody(written: str) -> None:
    assert birth_number(written, TODAY) is None


def test_the_authority_decides_what_a_number_is() -> None:
    assert person_identifier(("1.2.752.129.2.1.3.1",), "191212121212", TODAY) == (PERSONNUMMER, "191212121212")
    assert person_identifier(("SE", "NNSWE"), "191212121212", TODAY) == (PERSONNUMMER, "191212121212")
    assert person_identifier(("1.2.752.74.9.1",), "98240301aa06", TODAY) == (RESERVNUMMER, "98240301AA06")
    assert person_identifier(("1.2.752.97.3.1.3",), "991981000010", TODAY) == (
        "urn:oid:1.2.752.97.3.1.3",
        "991981000010",
    )
    assert person_identifier(("AccMgr",), "191212121212", TODAY) is None
