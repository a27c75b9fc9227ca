"""Which identifiers in a message are a person's own, in canonical form: what HL7 v2 calls their issuers (sweden.md §7)."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fhircore import identifiers
from fhircore.identifiers import LMA, NRID, PERSONNUMMER, SAMORDNINGSNUMMER, NotAnIdentifier
from integration_platform.hl7v2.message import Field

UNPROVEN = "urn:fvm:identifier:unproven"  # extension of an Identifier: its number breaks the rules of its kind

Identifier = tuple[str, str]  # system, value

# What messages write in CX.4 or CX.5 instead of an OID. A personnummer's day says whether it is a samordningsnummer.
_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("PNR", "PERSONNUMMER", "SE-PNR", "NNSWE", "SKATTEVERKET", "SKV"), PERSONNUMMER),
        "SAMORDNINGSNUMMER": SAMORDNINGSNUMMER,
        "NRID": NRID,
        "LMA": LMA,
    }
)
_ANY_RESERVE = "RESERVNUMMER"  # some reserve number: the national kind where it has that form, else the sender's own
_BARE = re.compile(r"(?:18|19|20)\d{6}-?\d{4}|\d{6}[-+]\d{4}")


def claimed(authorities: Iterable[str], value: str) -> Identifier | None:
    """(canonical system, value as it stands) when one of the authorities (OID, alias, FHIR system) issues person identifiers.

    That says what the value should be; `proven` says whether it is that.
    """
    for authority in authorities:
        if authority.upper() == _ANY_RESERVE:
            return _canonical(NRID, value)
        system = _WRITTEN.get(authority.upper(), authority)
        if identifiers.is_person_system(system):
            return identifiers.system_of(system), value
    return None


def proven(claim: Identifier) -> Identifier | None:
    """Canonical (system, value); None for a value that is not what its authority issues: it identifies nobody."""
    return _canonical(*claim)


def person_identifier(authorities: Iterable[str], value: str) -> Identifier | None:
    """The person identifier that this is; None for everyone else's, and for one that identifies nobody."""
    claim = claimed(authorities, value)
    return proven(claim) if claim is not None else None


def birth_number(value: str) -> Identifier | None:
    """A personnummer or samordningsnummer that nobody says is one: only in the notations that nothing else has."""
    return _canonical(PERSONNUMMER, value) if _BARE.fullmatch(value) else None


def claim_of(cx: Field) -> Identifier | None:
    """What a CX says is a person's own number, by its assigning authority, else its type; None when it is another's."""
    found = claimed((name for name in (cx.text(4, 2), cx.text(4, 1), cx.text(5)) if name), cx.text(1))
    if found is None and not cx.has(4) and cx.text(5) in ("", "NI", "SS"):
        # twelve digits (or with a hyphen), a real date, a right check digit, and no other issuer: it is one
        found = birth_number(cx.text(1))
    return found


def person_of(cx: Field) -> Identifier | None:
    """The person identifier that a CX is, canonical; None when it is another's, or identifies nobody."""
    claim = claim_of(cx)
    return proven(claim) if claim is not None else None


def marked(identifier: dict[str, Any]) -> dict[str, Any]:
    """The same Identifier, saying that its number breaks the rules of its kind: kept as sent, and it identifies nobody."""
    given = identifier.get("extension")
    others = [one for one in given if one.get("url") != UNPROVEN] if isinstance(given, list) else []
    return {**identifier, "extension": [*others, {"url": UNPROVEN, "valueBoolean": True}]}


def _canonical(system: str, value: str) -> Identifier | None:
    try:
        found = identifiers.canonical(system, value)
    except NotAnIdentifier:
        return None
    return found.system, found.value
