"""Person identifiers for invented people: official test numbers only (sweden.md §7, IDF-24)."""

from datetime import date
from typing import Any

from fhircore.identifiers import NRID, PERSONNUMMER, SAMORDNINGSNUMMER, SLL_RESERVNUMMER, is_test_number, luhn

Identifier = dict[str, Any]


def personnummer(born: date, sex: str) -> str:
    """The test number of a day: birth number 238 for a girl, 239 for a boy. One of each is all that a day has."""
    digits = f"{born:%Y%m%d}{'238' if sex == 'female' else '239'}"
    return f"{digits}{luhn(digits[2:])}"


def identifier(system: str, value: str, use: str = "official") -> Identifier:
    """A FHIR Identifier. Raises ValueError for anything that somebody alive might have."""
    if not is_test_number(system, value):
        raise ValueError("A demo person may have official test numbers only")
    return {"use": use, "system": system, "value": value}


def own(born: date, sex: str) -> list[Identifier]:
    """The usual case: a personnummer."""
    return [identifier(PERSONNUMMER, personnummer(born, sex))]


# The published ones (sweden.md §7.1), each with the life that it stands for.
PROTECTED = identifier(PERSONNUMMER, "200001252386")
COORDINATION = identifier(SAMORDNINGSNUMMER, "196109732393")
NATIONAL_RESERVE = identifier(NRID, "98240301AA06")
VISITOR = identifier(SLL_RESERVNUMMER, "991981000010")
UNIDENTIFIED = identifier(SLL_RESERVNUMMER, "991993000032")
