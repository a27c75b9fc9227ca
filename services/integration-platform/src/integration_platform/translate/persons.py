"""Which identifiers in a message are a person's own, in canonical form: what HL7 v2 calls their issuers (sweden.md §7)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from fhircore import identifiers
from fhircore.identifiers import LMA, NRID, PERSONNUMMER, SAMORDNINGSNUMMER, NotAnIdentifier

Identifier = tuple[str, str]  # system, value

# What messages write in CX.4 or CX.5 instead of an OID. A personnummer's day says whether it is a samordningsnummer.
_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("PNR", "PERSONNUMMER", "SE-PNR", "NNSWE", "SKATTEVERKET", "SKV"), PERSONNUMMER),
        "SAMORDNINGSNUMMER": SAMORDNINGSNUMMER,
        **dict.fromkeys(("NRID", "RESERVNUMMER"), NRID),
        "LMA": LMA,
    }
)
_BARE = re.compile(r"(?:18|19|20)\d{6}-?\d{4}|\d{6}[-+]\d{4}")


def person_identifier(authorities: tuple[str, ...], value: str) -> Identifier | None:
    """Canonical (system, value), when one of the authorities (OID, alias, FHIR system) issues person identifiers.

    None for everyone else's, and for a value that is not what its authority issues: it identifies nobody.
    """
    for authority in authorities:
        system = _WRITTEN.get(authority.upper(), authority)
        if identifiers.is_person_system(system):
            return _canonical(system, value)
    return None


def birth_number(value: str) -> Identifier | None:
    """A personnummer or samordningsnummer that nobody says is one: only in the notations that nothing else has."""
    return _canonical(PERSONNUMMER, value) if _BARE.fullmatch(value) else None


def _canonical(system: str, value: str) -> Identifier | None:
    try:
        found = identifiers.canonical(system, value)
    except NotAnIdentifier:
        return None
    return found.system, found.value
