"""Swedish identifiers: one canonical form whatever they came as (sweden.md §7; numbers are published test numbers)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhircore import identifiers as ids
from fhircore.identifiers import Identifier, NotAnIdentifier, canonical, luhn

PUBLISHED = [
    "195009072553",
    "196101182803",
    "189002029800",
    "200302022389",
    "199002222397",
    "200001252386",
    "191212121212",
]


@pytest.mark.parametrize("number", PUBLISHED)
def test_every_notation_of_a_personnummer_is_the_same_person(number: str) -> None:  # IDF-01
    same = Identifier(ids.PERSONNUMMER, number)
    for system in ids.aliases(ids.PERSONNUMMER):
        assert canonical(system, number) == same
        assert canonical(system, f" {number[:8]}-{number[8:]} ") == same
    this_year = datetime.now(UTC).year
    sign = "+" if this_year - int(number[:4]) >= 100 else "-"
    assert canonical(ids.PERSONNUMMER, f"{number[2:8]}{sign}{number[8:]}") == same


def test_a_day_above_sixty_is_a_samordningsnummer_whatever_the_system_says() -> None:  # IDF-02
    assert canonical(ids.PERSONNUMMER, "196109732393") == Identifier(ids.SAMORDNINGSNUMMER, "196109732393")


@pytest.mark.parametrize("number", ["991981000010", "991945000023", "991993000032"])
def test_a_stockholm_reservnummer_has_its_check_digit_over_positions_5_to_11(number: str) -> None:  # IDF-04
    assert canonical("1.2.752.97.3.1.3", number).value == number
    with pytest.raises(NotAnIdentifier):
        canonical(ids.SLL_RESERVNUMMER, number[:-1] + str((int(number[-1]) + 1) % 10))


def test_reserve_identities_with_letters_are_kept_upper_case() -> None:  # IDF-03, IDF-05, IDF-22
    assert canonical("1.2.752.74.9.1", "98240301aa06") == Identifier(ids.NRID, "98240301AA06")
    assert canonical(ids.VGR_RESERVNUMMER, "20210325k069").value == "20210325K069"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "1912121212",
        "191212121213",
        "191213121212",
        "19121212121",
        "ABCDEFGHIJKL",
        "19121212-12125",
        "20230229-1234",
    ],
)
def test_what_breaks_the_rules_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(NotAnIdentifier) as refusal:
        canonical(ids.PERSONNUMMER, wrong)
    assert not wrong or wrong not in str(refusal.value)


def test_both_names_of_the_hsa_id_are_one() -> None:  # IDF-08
    one = canonical("1.2.752.129.2.1.4.1", "SE2321000131-P000000123457")
    assert one == canonical("urn:oid:1.2.752.29.4.19", "se2321000131-p000000123457")


def test_a_local_number_is_left_alone() -> None:  # IDF-07: only within its sender
    assert canonical("urn:oid:1.2.752.129.2.1.2.1", " 12-AB ") == Identifier("urn:oid:1.2.752.129.2.1.2.1", "12-AB")
    assert not ids.is_person_system("urn:oid:1.2.752.129.2.1.2.1")


def test_an_organisationsnummer_is_checked() -> None:  # IDF-09
    assert canonical("2.5.4.97", "232100-0016").value == "2321000016"
    with pytest.raises(NotAnIdentifier):
        canonical("2.5.4.97", "232100-0017")


@given(st.text(alphabet="0123456789", min_size=9, max_size=9))
def test_one_wrong_digit_never_passes_the_check(digits: str) -> None:
    whole = digits + str(luhn(digits))
    for place in range(9):
        other = str((int(whole[place]) + 1) % 10)
        assert luhn(whole[:place] + other + whole[place + 1 : 9]) != int(whole[9])
