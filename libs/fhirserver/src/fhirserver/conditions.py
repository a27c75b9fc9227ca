"""Conditions: `Type?query` in If-None-Exist, bundle entries and references, evaluated over what the caller may see (D10).

The usual one, an identifier, is answered for a whole bundle by one statement; its hits are checked against the body (D2).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from access import Sight
from fhircore.identifiers import NotAnIdentifier, canonical, is_known
from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.codec import Codec
from fhirserver.keys import Keys
from fhirserver.problems import Invalid, NotSupported
from kit.db import Connection

Condition = tuple[str, str]  # (type name, query string as given)

_SELECT = """
select i.h, r.id, r.ver, r.upd, r.lab, r.pat, r.body
from idt i join res r using (key) where i.h = any($1::bigint[]) order by i.h, r.key"""


@dataclass(frozen=True, slots=True)
class Match:
    """A resource that a condition points out."""

    type_name: str
    id: str
    ver: int
    upd: datetime
    pat: int
    lab: int


def condition(text: str, at: str) -> Condition:
    """`Type?query` taken apart. Raises Invalid for what is no type of R4 or has no query."""
    type_name, _, query = text.partition("?")
    if type_name not in TYPES:
        raise Invalid(f"'{type_name[:60]}' is not a resource type of FHIR R4", at=at)
    if not query:
        raise Invalid("A condition needs at least one search parameter", at=at)
    return type_name, query


def lock_value(keys: Keys, wanted: Condition) -> int:
    """What is locked while this condition is decided, so that two clients with the same one do not both create."""
    system, value = _identifier(*wanted)
    name, text = _named(system, value)
    return keys.token(f"condition|{wanted[0]}|{name}|{text}")


async def resolve(
    con: Connection, keys: Keys, codec: Codec, sight: Sight, wanted: Iterable[Condition]
) -> dict[Condition, list[Match]]:
    """The visible matches of each condition (at most a handful each); an empty list where there are none."""
    found: dict[Condition, list[Match]] = {condition: [] for condition in wanted}
    by_hash: dict[int, list[tuple[Condition, str | None, str]]] = {}
    for type_name, query in found:
        system, value = _identifier(type_name, query)
        asked = (type_name, query), system, value
        for name, text in {(system, value), _named(system, value)}:  # as it is written, and under its canonical name
            of = f"{type_name}.identifier|{text}" if name is None else f"{type_name}.identifier|{name}|{text}"
            by_hash.setdefault(keys.token(of), []).append(asked)
    if not by_hash:
        return found
    for h, id, ver, upd, lab, pat, body in await con.fetch(_SELECT, list(by_hash)):
        if not sight.sees(lab, pat):
            continue
        resource = parsed(codec.unpack(body))
        for wish, system, value in by_hash[h]:
            match = Match(wish[0], id, ver, upd, pat, lab)
            if resource["resourceType"] == wish[0] and _carries(resource, system, value) and match not in found[wish]:
                found[wish].append(match)
    return found


def _identifier(type_name: str, query: str) -> tuple[str | None, str]:
    """(system or None for any, value) of `identifier=system|value`; other conditions are refused by name for now."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) != 1 or pairs[0][0] != "identifier" or "," in pairs[0][1]:
        raise NotSupported(
            f"A condition on {type_name} must be a single identifier=system|value; other parameters are not supported yet",
            at=f"{type_name}?{pairs[0][0][:40] if pairs else ''}",
        )
    system, bar, value = pairs[0][1].partition("|")
    if not bar:
        return None, system
    if not value:
        raise NotSupported("A condition needs the identifier's value, not only its system", at="identifier")
    return system, value


def _carries(resource: dict[str, Any], system: str | None, value: str) -> bool:
    identifiers = resource.get("identifier", [])
    wanted = _named(system, value)
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        name, text = identifier.get("system", ""), identifier.get("value")
        if text is None:
            continue
        if system is None and value in (text, _named(name, text)[1]):
            return True
        if system is not None and ((name, text) == (system, value) or _named(name, text) == wanted):
            return True
    return False


def _named(system: str | None, value: str) -> tuple[str | None, str]:
    """The identifier under its canonical name and notation where it has one (FHR-05), else as it is."""
    if system is not None and is_known(system):
        try:
            known = canonical(system, value)
        except NotAnIdentifier:
            return system, value
        return known.system, known.value
    return system, value
