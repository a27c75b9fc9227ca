"""_explain: how a search would be answered, and what of it is the legal predicate; for systems, never with values."""

from typing import Any

import msgspec

from access import Sight
from fhirserver.bodies import plain
from fhirserver.messages import Request
from fhirserver.problems import Forbidden
from fhirserver.search.plan import Plan, Statement
from fhirserver.search.sql import Values, seen
from kit.db import Connection


def refuse_people(request: Request) -> None:
    """Raises Forbidden unless a system asks."""
    if request.caller.kind != "system":
        raise Forbidden("_explain is for system clients", at="_explain")


async def explained(con: Connection, made: Plan, statement: Statement) -> bytes:
    """A Parameters resource: the statement, the legal predicate, and the database's plan.

    Costs and numbers of rows come from statistics over everything, so they are told only to who may see everything.
    """
    sight = made.ground.sight
    costs = "" if sight.everything else ", costs off"
    rows = await con.fetch(f"explain (format json{costs}) {statement.text}", *statement.values)
    found = msgspec.json.decode(rows[0][0])[0]["Plan"]
    values = {"statement": statement.text, "legal predicate": _legal(sight), "plan": plain(_shown(found)).decode()}
    parameters = [{"name": name, "valueString": text} for name, text in values.items()]
    return plain({"resourceType": "Parameters", "parameter": parameters})


def _legal(sight: Sight) -> str:
    return " and ".join(seen(sight, Values(), "r")) or "none: this caller may see everything"


_KEPT = (
    "Node Type",
    "Relation Name",
    "Index Name",
    "Join Type",
    "Strategy",
    "Startup Cost",
    "Total Cost",
    "Plan Rows",
    "Plans",
)


def _shown(node: dict[str, Any]) -> dict[str, Any]:
    """The plan without its conditions, which hold the values that were asked for."""
    kept = {name: node[name] for name in _KEPT if name in node}
    if "Plans" in kept:
        kept["Plans"] = [_shown(inner) for inner in kept["Plans"]]
    return kept
