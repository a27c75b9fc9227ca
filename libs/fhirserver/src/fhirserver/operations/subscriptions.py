"""Subscription/$status and $events: where a subscription stands, and its events again.

https://hl7.org/fhir/uv/subscriptions-backport/operations.html. Whoever may read the Subscription may ask; what the events are
about is decided for who asks.
"""

from collections.abc import Sequence
from typing import Any

from fhirserver.allowing import allow
from fhirserver.bodies import parsed, plain
from fhirserver.engine import Engine
from fhirserver.intake import ID, draft
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotAllowed, NotFound, NotSupported
from fhirserver.search.answering import searching
from fhirserver.search.sql import Values, seen
from fhirserver.subscribing.model import COLUMNS, Subscription, subscription
from fhirserver.subscribing.notifying import EVENT, NUMBER, bundle, decided, event, logged, parameters

_MOST = 100
_CONTENTS = ("empty", "id-only", "full-resource")
_VALUES = ("valueString", "valueCode", "valueId", "valueInteger64")
_EVENTS = f"select {EVENT} from subscription_event where sub = $1 and n between $2 and $3 order by n limit {_MOST}"


async def subscriptions(engine: Engine, request: Request) -> tuple[str, Answer]:
    """The route and 200 with a Bundle."""
    allow(engine, request, "Subscription", "r")
    given = _given(request)
    match (request.method, *request.path):
        case ("GET" | "POST", "Subscription", "$status"):
            ids = [id for name, value in given if name == "id" for id in value.split(",")]
            states = [state for name, value in given if name == "status" for state in value.split(",")]
            _only(given, "id", "status")
            found = await _visible(engine, request, ids or None)
            return "Subscription/$status", _statuses(engine, [s for s in found if not states or s.state in states])
        case ("GET" | "POST", "Subscription", id, "$status") if ID.fullmatch(id):
            _only(given)
            return "Subscription/{id}/$status", _statuses(engine, [await _one(engine, request, id)])
        case ("GET" | "POST", "Subscription", id, "$events") if ID.fullmatch(id):
            return "Subscription/{id}/$events", await _events(engine, request, await _one(engine, request, id), given)
    raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")


def _given(request: Request) -> list[tuple[str, str]]:
    pairs = list(request.parameters)
    if request.body:
        for one in parsed(draft(request.body, "Parameters").raw).get("parameter", []):
            value = next((one[name] for name in _VALUES if name in one), None)
            if value is None:
                raise Invalid("A parameter has a name and a simple value", at="Parameters.parameter")
            pairs.append((one["name"], str(value)))
    return pairs


def _only(given: Sequence[tuple[str, str]], *known: str) -> None:
    for name, _ in given:
        if name not in known:
            raise NotSupported(f"The parameter '{name[:60]}' is not supported here", at=name[:60])


async def _visible(engine: Engine, request: Request, ids: Sequence[str] | None) -> list[Subscription]:
    values = Values()
    parts = [f"r.rtype = {values.add(NUMBER, 'smallint')}", *seen(request.sight, values, "r")]
    if ids is not None:
        parts.append(f"r.key = any({values.keys([engine.keys.of(f'Subscription/{id}') for id in ids])})")
    columns = ", ".join(f"s.{name.strip()}" for name in COLUMNS.split(","))
    text = f"select {columns} from res r join subscription s on s.id = r.id where {' and '.join(parts)} order by s.id limit 1000"
    with searching():
        return [subscription(row) for row in await engine.search_pool.fetch(text, *values.all)]


async def _one(engine: Engine, request: Request, id: str) -> Subscription:
    found = await _visible(engine, request, [id])
    if not found:
        raise NotFound(f"There is no Subscription/{id}", at="Subscription")
    return found[0]


def _statuses(engine: Engine, found: Sequence[Subscription]) -> Answer:
    entries: list[dict[str, Any]] = [
        {
            "fullUrl": f"{engine.mount.base}/Subscription/{one.id}/$status",
            "resource": parameters(engine, one, "query-status"),
            "search": {"mode": "match"},
        }
        for one in found
    ]
    told = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        **({"entry": entries} if entries else {}),
    }
    return Answer(200, plain(told))


async def _events(engine: Engine, request: Request, sub: Subscription, given: Sequence[tuple[str, str]]) -> Answer:
    """At most 100, from `eventsSinceNumber` to `eventsUntilNumber`; the next ones are asked for from the last number on."""
    _only(given, "eventsSinceNumber", "eventsUntilNumber", "content")
    named = dict(given)
    first, last = _number(named, "eventsSinceNumber", 1), _number(named, "eventsUntilNumber", sub.events)
    content = named.get("content") or sub.content or "id-only"
    if content not in _CONTENTS:
        raise Invalid(f"content is one of {', '.join(_CONTENTS)}", at="content")
    events = [event(row) for row in await engine.db.pool.fetch(_EVENTS, sub.id, first, last)]
    found = await decided(engine, request.caller, request.sight, events)
    if content != "empty":
        await logged(engine, request.caller, "events", found)
    return Answer(200, bundle(engine, sub, "query-event", events, found, content))


def _number(named: dict[str, str], name: str, default: int) -> int:
    text = named.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Invalid(f"{name} is a whole number", at=name)
    return int(text)
