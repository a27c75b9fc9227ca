"""Swedish identifiers of persons, staff and organisations: parse or refuse, and one canonical form (sweden.md §7, IDF-01–24).

A person is known across sources by the kinds in `PERSON_SYSTEMS` only (architecture D1). Whatever notation or system name an
identifier comes with, `canonical` gives the one (system, value) it is kept and compared under; `aliases` gives all names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"
SAMORDNINGSNUMMER = "http://electronichealth.se/identifier/samordningsnummer"
NRID = "http://electronichealth.se/identifier/nationelltReservnummer"
SLL_RESERVNUMMER = "urn:oid:1.2.752.97.3.1.3"
VGR_RESERVNUMMER = "urn:oid:1.2.752.113.11.0.2.1.1.1"
LMA = "http://electronichealth.se/identifier/LMA-nummer"
HSA = "urn:oid:1.2.752.29.4.19"
ORGANISATIONSNUMMER = "urn:oid:2.5.4.97"

PERSON_SYSTEMS = (PERSONNUMMER, SAMORDNINGSNUMMER, NRID, SLL_RESERVNUMMER, VGR_RESERVNUMMER, LMA)  # strongest first

# Every name a system goes by, the canonical one first. An OID also comes bare (RIV-TA, HL7 v2) and as urn:oid:.
_NAMES: Mapping[str, tuple[str, ...]] = {
    PERSONNUMMER: (
        PERSONNUMMER,
        "urn:oid:1.2.752.129.2.1.3.1",
        "1.2.752.129.2.1.3.1",
        "https://terminology.hl7.se/sid/se-personnummer",
        "http://terminology.hl7.se/sid/se-personnummer",
    ),
    SAMORDNINGSNUMMER: (
        SAMORDNINGSNUMMER,
        "urn:oid:1.2.752.129.2.1.3.3",
        "1.2.752.129.2.1.3.3",
        "https://terminology.hl7.se/sid/se-samordningsnummer",
    ),
    NRID: (NRID, "urn:oid:1.2.752.74.9.1", "1.2.752.74.9.1"),
    SLL_RESERVNUMMER: (SLL_RESERVNUMMER, "1.2.752.97.3.1.3"),
    VGR_RESERVNUMMER: (VGR_RESERVNUMMER, "1.2.752.113.11.0.2.1.1.1"),
    LMA: (LMA,),
    HSA: (HSA, "1.2.752.29.4.19", "urn:oid:1.2.752.129.2.1.4.1", "1.2.752.129.2.1.4.1"),
    ORGANISATIONSNUMMER: (ORGANISATIONSNUMMER, "2.5.4.97"),
}
_CANONICAL: Mapping[str, str] = {name: system for system, names in _NAMES.items() for name in names}

# Published for testing (sweden.md §7.1): HL7 Sweden's examples, Inera's pages, and the number everybody shows.
_PUBLISHED = frozenset(
    {
        (PERSONNUMMER, "195009072553"), (PERSONNUMMER, "196101182803"), (PERSONNUMMER, "189002029800"),
        (PERSONNUMMER, "200001252386"), (PERSONNUMMER, "189602029812"), (PERSONNUMMER, "191212121212"),
        (SAMORDNINGSNUMMER, "196109732393"), (NRID, "98240301AA06"), (VGR_RESERVNUMMER, "20210325K069"),
        (SLL_RESERVNUMMER, "991981000010"), (SLL_RESERVNUMMER, "991945000023"), (SLL_RESERVNUMMER, "991993000032"),
    }
)  # fmt: skip
_TEST_BIRTH_NUMBERS = ("238", "239")  # never given to a person: 238 a girl, 239 a boy, of any day

_DATED = re.compile(r"(?P<century>\d\d)?(?P<date>\d{6})(?P<sign>[-+]?)(?P<last>\d{4})")
_NRID = re.compile(r"\d{8}[A-HJ-NPR-UX-Z]{2}\d\d", re.ASCII)
_SLL = re.compile(r"99(19[89]\d|2[0-2]\d\d|19[4-7]\d)\d{6}", re.ASCII)
_VGR = re.compile(r"(?P<date>\d{8})(?P<letter>[KMX])(?P<rest>\d{3})", re.ASCII)
_HSA = re.compile(r"SE(?:16)?\d{10}-[A-Z0-9]{1,20}", re.ASCII)
_VGR_DIGIT = {"K": "5", "M": "7", "X": "8"}


class NotAnIdentifier(ValueError):
    """The value does not have the form, or the check digit, of what its system says it is. The value is not repeated."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A canonical identifier: the system's first name, and the value as it is kept."""

    system: str
    value: str


def system_of(name: str) -> str:
    """The canonical name of a system; a system that is not known here stays as it is."""
    return _CANONICAL.get(name.strip(), name)


def aliases(system: str) -> tuple[str, ...]:
    """Every name of this system (FHR-05), itself alone when it is not known here."""
    return _NAMES.get(system_of(system), (system,))


def is_known(system: str | None) -> bool:
    """Whether this is a name of one of the systems whose rules stand here."""
    return system in _CANONICAL


@lru_cache(maxsize=65536)
def canonical(system: str, value: str) -> Identifier:
    """The identifier in its canonical form. Raises NotAnIdentifier for a known system whose rules the value breaks.

    A value of an unknown system is only trimmed. A personnummer whose day is above 60 is a samordningsnummer.
    """
    known = system_of(system)
    text = value.strip().upper().replace(" ", "")
    if known in (PERSONNUMMER, SAMORDNINGSNUMMER):
        return _dated(text)
    if known == NRID:
        return Identifier(NRID, _shaped(text.replace("-", ""), _NRID, "nationell reservidentitet"))
    if known == SLL_RESERVNUMMER:
        return Identifier(SLL_RESERVNUMMER, _sll(text.replace("-", "")))
    if known == VGR_RESERVNUMMER:
        return Identifier(VGR_RESERVNUMMER, _vgr(text.replace("-", "")))
    if known == HSA:
        return Identifier(HSA, _shaped(text, _HSA, "HSA-id"))
    if known == ORGANISATIONSNUMMER:
        return Identifier(ORGANISATIONSNUMMER, _organisation(text))
    return Identifier(known, value.strip())


def is_person_system(system: str) -> bool:
    """Whether identifiers of this system say who a person is, whatever source they come from."""
    return system_of(system) in PERSON_SYSTEMS


def is_test_number(system: str, value: str) -> bool:
    """Whether this person identifier is an official test number, which no living person has (IDF-24).

    True for the published ones, and for a valid personnummer or samordningsnummer with the birth number 238 or 239.
    False for every other value, one that breaks its system's rules, and what does not say who a person is.
    """
    try:
        found = canonical(system, value)
    except NotAnIdentifier:
        return False
    if (found.system, found.value) in _PUBLISHED:
        return True
    return found.system in (PERSONNUMMER, SAMORDNINGSNUMMER) and found.value[8:11] in _TEST_BIRTH_NUMBERS


def birth_date(system: str, value: str) -> date | None:
    """The birth date in a personnummer or samordningsnummer; None of every other identifier, and where the day is uncertain."""
    try:
        found = canonical(system, value)
        if found.system not in (PERSONNUMMER, SAMORDNINGSNUMMER):
            return None
        day = int(found.value[6:8])
        return date(int(found.value[:4]), int(found.value[4:6]), day - 60 if day > 60 else day)
    except ValueError:
        return None


def may_be_somebodys(system: str, value: str) -> bool:
    """Whether a living person may have this number: a valid one of the state's own kinds, and no official test number (IDF-24).

    Regional reserve numbers and LMA numbers have no test series that could be demanded of anyone.
    """
    try:
        found = canonical(system, value)
    except NotAnIdentifier:
        return False
    return found.system in (PERSONNUMMER, SAMORDNINGSNUMMER, NRID) and not is_test_number(found.system, found.value)


def kept(system: str, value: str) -> Identifier:
    """The identifier as it is kept and found: canonical where it can be, else as sent under the system's first name."""
    try:
        return canonical(system, value)
    except NotAnIdentifier:
        return Identifier(system_of(system), value.strip())


def luhn(digits: str) -> int:
    """The check digit of these digits (weights 2, 1, 2 … from the left)."""
    total = 0
    for place, sign in enumerate(digits):
        product = int(sign) * (2 - place % 2)
        total += product - 9 if product > 9 else product
    return -total % 10


def shown(identifier: Identifier) -> str:
    """As people read it: ÅÅÅÅMMDD-NNNN for dated numbers; others unchanged."""
    if identifier.system in (PERSONNUMMER, SAMORDNINGSNUMMER, NRID):
        return f"{identifier.value[:8]}-{identifier.value[8:]}"
    return identifier.value


def _dated(text: str) -> Identifier:
    """Personnummer or samordningsnummer, 10 or 12 digits, with or without sign; kept as 12 digits (IDF-01, -02)."""
    match = _DATED.fullmatch(text)
    if match is None:
        raise NotAnIdentifier("A personnummer has 10 or 12 digits: ÅÅÅÅMMDDNNNN or ÅÅMMDD-NNNN")
    digits = match["date"] + match["last"]
    if luhn(digits[:9]) != int(digits[9]):
        raise NotAnIdentifier("The check digit of the personnummer is wrong")
    day = int(match["date"][4:])
    century = match["century"] or _century(match["date"], match["sign"])
    real = day - 60 if day > 60 else day
    try:
        date(int(century + match["date"][:2]), int(match["date"][2:4]), real)
    except ValueError:
        if day <= 60:  # the birth date of a samordningsnummer may be uncertain (IDF-23)
            raise NotAnIdentifier("The personnummer does not begin with a date") from None
    return Identifier(SAMORDNINGSNUMMER if day > 60 else PERSONNUMMER, century + digits)


def _century(short: str, sign: str) -> str:
    """The century of a ten-digit number: the latest that is not in the future; + says at least 100 years old."""
    now = date.today()  # noqa: DTZ011 — a person's age turns at midnight where they are, not in UTC
    year = int(short[:2])
    month, day = int(short[2:4]), int(short[4:]) % 60
    century = now.year // 100
    if (century * 100 + year, month, day) > (now.year, now.month, now.day):
        century -= 1
    return str(century - (1 if sign == "+" else 0))


def _sll(text: str) -> str:
    """99yyyyNNNNNC, Luhn over positions 5 to 11 (IDF-04)."""
    _shaped(text, _SLL, "reservnummer")
    if luhn(text[4:11]) != int(text[11]):
        raise NotAnIdentifier("The check digit of the reservnummer is wrong")
    return text


def _vgr(text: str) -> str:
    """yyyymmddGggC where G is K, M or X (IDF-05); the check digit's rule is not published, so the form is checked."""
    return _shaped(text, _VGR, "reservnummer")


def _organisation(text: str) -> str:
    digits = text.replace("-", "").removeprefix("16") if len(text.replace("-", "")) == 12 else text.replace("-", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) != 10 or luhn(digits[:9]) != int(digits[9]):
        raise NotAnIdentifier("An organisationsnummer has 10 digits and a check digit")
    return digits


def _shaped(text: str, form: re.Pattern[str], name: str) -> str:
    if not form.fullmatch(text):
        raise NotAnIdentifier(f"The value does not have the form of a {name}")
    return text
