"""Which identifiers in a message are a person's own, in canonical form (spec: sweden.md §7, IDF-01 to IDF-06).

The one place to swap when the house's own parser of person identifiers is there: `fhircore.identifiers`.
"""

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"
SAMORDNINGSNUMMER = "http://electronichealth.se/identifier/samordningsnummer"
RESERVNUMMER = "http://electronichealth.se/identifier/nationelltReservnummer"
LMA = "http://electronichealth.se/identifier/LMA-nummer"

Identifier = tuple[str, str]  # system, value

_BIRTH = "birth"  # personnummer or samordningsnummer: the day decides
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "1.2.752.129.2.1.3.1", "1.2.752.129.2.1.3.3", "PNR", "PERSONNUMMER", "SAMORDNINGSNUMMER",
                "SKATTEVERKET", "SKV", "NNSWE", "SE-PNR", PERSONNUMMER.upper(), SAMORDNINGSNUMMER.upper(),
                "HTTPS://TERMINOLOGY.HL7.SE/SID/SE-PERSONNUMMER", "HTTPS://TERMINOLOGY.HL7.SE/SID/SE-SAMORDNINGSNUMMER",
            ),
            _BIRTH,
        ),
        **dict.fromkeys(("1.2.752.74.9.1", "NRID", "RESERVNUMMER", RESERVNUMMER.upper()), RESERVNUMMER),
        "1.2.752.97.3.1.3": "urn:oid:1.2.752.97.3.1.3",  # Region Stockholm
        "1.2.752.113.11.0.2.1.1.1": "urn:oid:1.2.752.113.11.0.2.1.1.1",  # Västra Götaland
        **dict.fromkeys(("LMA", LMA.upper()), LMA),
    }
)  # fmt: skip
_SHORT = re.compile(r"(\d{6})([-+]?)(\d{4})")
_LONG = re.compile(r"(\d{8})-?(\d{4})")
_OTHER = re.compile(r"[0-9A-Z]{8,12}")


def person_identifier(authorities: tuple[str, ...], value: str, today: date) -> Identifier | None:
    """Canonical (system, value), when one of the authorities (OID, alias, FHIR system) issues person identifiers.

    None for everyone else's, and for a value that is not what its authority issues: it identifies nobody.
    """
    for authority in authorities:
        meant = _ALIASES.get(authority.removeprefix("urn:oid:").upper())
        if meant == _BIRTH:
            return birth_number(value, today)
        if meant is not None:
            plain = re.sub(r"[-+ ]", "", value).upper()
            return (meant, plain) if _OTHER.fullmatch(plain) else None
    return None


def birth_number(value: str, today: date) -> Identifier | None:
    """A personnummer or samordningsnummer in any notation, as twelve digits; None when date or check digit is wrong."""
    digits = _twelve(value.replace(" ", ""), today)
    if digits is None or not _luhn(digits[2:]):
        return None
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    try:
        date(year, month, day - 60 if day > 60 else day)
    except ValueError:
        return None
    return (SAMORDNINGSNUMMER if day > 60 else PERSONNUMMER), digits


def _twelve(value: str, today: date) -> str | None:
    long = _LONG.fullmatch(value)
    if long is not None:
        return long[1] + long[2] if value[:2] in ("18", "19", "20") else None
    short = _SHORT.fullmatch(value)
    if short is None:
        return None
    born = short[1]
    century = today.year // 100
    if f"{century}{born[:2]}{born[2:4]}{int(born[4:6]) % 60:02}" > today.strftime("%Y%m%d"):
        century -= 1
    if short[2] == "+":  # from the year the person turns 100
        century -= 1
    return f"{century}{born}{short[3]}"


def _luhn(digits: str) -> bool:
    total = sum(sum(divmod(int(digit) * (2 - at % 2), 10)) for at, digit in enumerate(digits))
    return total % 10 == 0
