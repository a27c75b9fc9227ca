"""Conditions: `Type?query` in If-None-Exist, bundle entries and references, evaluated over what the caller may see (D10).

The usual one, an identifier, is answered for a whole bundle by one statement; its hits are checked against the body (D2).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from access import Sight
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
    return keys.token(f"condition|{wanted[0]}|{wanted[1]}")


async def resolve(
    con: Connection, keys: Keys, codec: Codec, sight: Sight, wanted: Iterable[Condition]
) -> dict[Condition, list[Match]]:
    """The visible matches of each condition (at most a handful each); an empty list where there are none."""
    found: dict[Condition, list[Match]] = {condition: [] for condition in wanted}
    by_hash: dict[int, list[tuple[Condition, str | None, str]]] = {}
    for type_name, query in found:
        system, value = _identifier(type_name, query)
        text = f"{type_name}.identifier|{value}" if system is None else f"{type_name}.identifier|{system}|{value}"
        by_hash.setdefault(keys.token(text), []).append(((type_name, query), system, value))
    if not by_hash:
        return found
    for h, id, ver, upd, lab, pat, body in await con.fetch(_SELECT, list(by_hash)):
        if not sight.sees(lab, pat):
            continue
        resource = parsed(codec.unpack(body))
        for asked, system, value in by_hash[h]:
            if resource["resourceType"] == asked[0] and _carries(resource, system, value):
                found[asked].append(Match(asked[0], id, ver, upd, pat, lab))
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
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        if identifier.get("value") == value and (system is None or identifier.get("system", "") == system):
            return True
    return False
