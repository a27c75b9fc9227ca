"""Conditions: `Type?query` in If-None-Exist, addresses, bundle entries and references, over what the caller may see (D10).

The usual one, an identifier, is answered for a whole bundle by one statement; its hits are checked against the body (D2).
Every other one is a search, planned before the write's transaction and carried out inside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from access import Sight, allows
from fhircore.identifiers import is_known, kept
from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.keys import Keys
from fhirserver.messages import Request
from fhirserver.operations.asking import only_criteria
from fhirserver.problems import Forbidden, Invalid
from fhirserver.search.answering import planned, searching
from fhirserver.search.asked import of_type
from fhirserver.search.plan import Plan
from kit.db import Connection

Condition = tuple[str, str]  # (type name, query string as given)

_SELECT = """
select i.h, r.id, r.ver, r.upd, r.lab, r.pat, r.dt, r.dte, r.body, r.key
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


def in_address(request: Request, type_name: str) -> Condition:
    """The condition of PUT, PATCH or DELETE Type?query."""
    return condition(f"{type_name}?{urlencode(request.parameters)}", "query")


def lock_value(keys: Keys, wanted: Condition) -> int:
    """What is locked while this condition is decided, so that two clients with the same one do not both create."""
    identifier = identifier_of(wanted)
    if identifier is None:
        pairs = sorted(parse_qsl(wanted[1], keep_blank_values=True))
        return keys.token(f"condition|{wanted[0]}?{urlencode(pairs)}")
    name, text = _named(*identifier)
    return keys.token(f"condition|{wanted[0]}|{name}|{text}")


async def plans(engine: Engine, request: Request, wanted: Iterable[Condition]) -> dict[Condition, Plan]:
    """The plans of those conditions that are not a single identifier. Call before a connection is held.

    Raises InvalidFHIR and NotSupported naming what is wrong in one, Forbidden where the token may not search that type.
    """
    made: dict[Condition, Plan] = {}
    for one in wanted:
        if not allows(request.caller.scopes, one[0], "s"):
            raise Forbidden(f"A condition is a search: the token's scopes do not allow that for {one[0]}", at="scope")
        if identifier_of(one) is not None:
            continue
        asking = replace(request, method="GET", path=(one[0],), query=one[1], headers={}, body=b"")
        asked = of_type(asking, one[0])
        only_criteria(asked.query, "a condition")
        if not asked.kinds[one[0]]:
            raise Invalid("A condition needs at least one search parameter", at=one[0])
        made[one] = await planned(engine, asking, asked)
    return made


async def resolve(
    con: Connection,
    engine: Engine,
    sight: Sight,
    wanted: Iterable[Condition],
    searches: Mapping[Condition, Plan],
    most: int,
) -> dict[Condition, list[Match]]:
    """The visible matches of each condition, at most so many; an empty list where there are none."""
    found = await _by_identifier(con, engine, sight, [one for one in wanted if one not in searches])
    if searches:
        with searching():
            await con.execute("set local statement_timeout = '20s'")
            for one, search in searches.items():
                some = search.some(most)
                rows = await con.fetch(some.text, *some.values)
                found[one] = [Match(one[0], r["id"], r["ver"], r["upd"], r["pat"], r["lab"]) for r in rows]
            await con.execute("set local statement_timeout = 0")
    return found


async def _by_identifier(
    con: Connection, engine: Engine, sight: Sight, wanted: Iterable[Condition]
) -> dict[Condition, list[Match]]:
    found: dict[Condition, list[Match]] = {condition: [] for condition in wanted}
    by_hash: dict[int, list[tuple[Condition, str | None, str]]] = {}
    for one in found:
        identifier = identifier_of(one)
        assert identifier is not None
        for name, text in {identifier, _named(*identifier)}:  # as it is written, and under its canonical name
            of = f"{one[0]}.identifier|{text}" if name is None else f"{one[0]}.identifier|{name}|{text}"
            by_hash.setdefault(engine.keys.token(of), []).append((one, *identifier))
    if not by_hash:
        return found
    rows = await con.fetch(_SELECT, list(by_hash))
    seen = await engine.law.sees(con, sight, rows)
    await engine.codec.ready(con, [row["body"] for row in rows])
    for h, id, ver, upd, lab, pat, _, _, body, key in (row for row, shown in zip(rows, seen, strict=True) if shown):
        resource = parsed(engine.codec.unpack(body, key))
        for wish, system, value in by_hash[h]:
            match = Match(wish[0], id, ver, upd, pat, lab)
            if resource["resourceType"] == wish[0] and carries(resource, system, value) and match not in found[wish]:
                found[wish].append(match)
    return found


def identifier_of(wanted: Condition) -> tuple[str | None, str] | None:
    """(system or None for any, value) where the condition is one identifier with a value; None for every other."""
    pairs = parse_qsl(wanted[1], keep_blank_values=True)
    if len(pairs) != 1 or pairs[0][0] != "identifier" or "," in pairs[0][1] or "\\" in pairs[0][1]:
        return None
    system, bar, value = pairs[0][1].partition("|")
    if not bar:
        return (None, system) if system else None
    return (system, value) if value else None


def carries(resource: dict[str, Any], system: str | None, value: str) -> bool:
    """Whether the resource has this identifier, under any of its names (FHR-05)."""
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
        known = kept(system, value)
        return known.system, known.value
    return system, value
