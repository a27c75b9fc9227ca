"""Which of our orders a result answers: then it is owed to who ordered it, and an order of tests is done (REC-12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from vis.care import orders, referrals

Resource = dict[str, Any]
_TYPE = "ServiceRequest"
_BY_KEY = "select key, lab, pat, body from res where key = any($1::bigint[]) and rtype = $2"
_BY_NUMBER = """
select distinct r.key, r.lab, r.pat, r.body from idt i join res r using (key) where i.h = any($1::bigint[]) and r.rtype = $2"""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The order: who placed it, for which unit."""

    id: str
    requester: Resource
    unit: str
    provider: str


async def ordered(engine: Engine, results: Sequence[Mapping[str, Any]]) -> dict[str, Ordered]:
    """By the result's id: the order that it names, by reference or by the number that we gave, where both are about the same
    person. A result that names none, or another system's, has none."""
    named = {name for one in results for name in one.get("orders", ())}
    if not named:
        return {}
    number, pool = TYPES[_TYPE].number, engine.db.pool
    keys = [engine.keys.of(name) for name in named if name.startswith(f"{_TYPE}/")]
    hashes = [engine.keys.token(f"{_TYPE}.identifier|{name}") for name in named if "/" not in name]
    rows = [*await pool.fetch(_BY_KEY, keys, number), *await pool.fetch(_BY_NUMBER, hashes, number)]
    await engine.codec.ready(pool, [row["body"] for row in rows])
    held: dict[tuple[str, int], Ordered] = {}
    for row in rows:
        order = parsed(engine.codec.unpack(row["body"], row["key"]))
        label = engine.labels.by_number.get(row["lab"])
        if label is None or order.get("intent") != "order":
            continue
        found = Ordered(order["id"], order.get("requester", {}), label.unit, label.provider)
        for name in names_of(order):
            held[name, row["pat"]] = found
    told: dict[str, Ordered] = {}
    for one in results:
        persons = engine.persons.expanded(engine.keys.of(f"Patient/{one['patient']}"))
        matches = (held.get((name, pat)) for name in one.get("orders", ()) for pat in persons)
        match = next((found for found in matches if found is not None), None)
        if match is not None:
            told[one["id"]] = match
    return told


def names_of(order: Mapping[str, Any]) -> list[str]:
    """What a result calls it: its reference, and the number that we gave it."""
    numbers = [one.get("value", "") for one in order.get("identifier", ()) if one.get("system") == orders.NUMBER]
    return [f"{_TYPE}/{order['id']}", *numbers]


def done(order: Resource, at: datetime) -> Resource | None:
    """An order of tests that is answered; None where nothing changes: a referral is answered by its receiver."""
    if order.get("status") != "active" or orders.kind_of(order) not in orders.TESTS:
        return None
    passed = referrals.passing(order, "G", at)
    return passed | {"status": "completed"}
