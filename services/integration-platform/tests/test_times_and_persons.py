"""Times keep their precision and get the right offset; person identifiers become one canonical form."""

import pytest

from fhircore.identifiers import NRID, PERSONNUMMER, SAMORDNINGSNUMMER
from integration_platform.translate.persons import birth_number, person_identifier
from integration_platform.translate.times import Clock, time_of_day


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


PNR = "1.2.752.129.2.1.3.1"


@pytest.mark.parametrize("written", ["191212121212", "19121212-1212", "121212+1212", "19 121212 1212"])
@pytest.mark.parametrize("authority", [PNR, f"urn:oid:{PNR}", "PNR", "nnswe", "Skatteverket", PERSONNUMMER])
def test_every_notation_and_name_of_a_personnummer_is_one_number(authority: str, written: str) -> None:
    assert person_identifier(("SE", authority), written) == (PERSONNUMMER, "191212121212")


def test_other_issuers_and_wrong_numbers_identify_nobody_across_sources() -> None:
    assert person_identifier(("AccMgr",), "191212121212") is None
    assert person_identifier((PNR,), "191212121213") is None
    assert person_identifier((), "191212121212") is None


def test_the_authority_decides_what_a_number_is() -> None:
    assert person_identifier((PNR,), "196109732393") == (SAMORDNINGSNUMMER, "196109732393")
    assert person_identifier(("1.2.752.74.9.1",), "98240301aa06") == (NRID, "98240301AA06")
    assert person_identifier(("1.2.752.97.3.1.3",), "991981000010") == ("urn:oid:1.2.752.97.3.1.3", "991981000010")


@pytest.mark.parametrize(
    ("written", "is_one"),
    [("191212121212", True), ("121212+1212", True), ("1212121212", False), ("191212121213", False), ("4711", False)],
)
def test_a_number_without_issuer_is_a_personnummer_only_when_it_can_be_nothing_else(written: str, is_one: bool) -> None:
    assert birth_number(written) == ((PERSONNUMMER, "191212121212") if is_one else None)
