"""What is sent: the changed resource as R4 has it, or the notification Bundle of the topic backport.

https://hl7.org/fhir/uv/subscriptions-backport/notifications.html. Each event is decided at this moment: what its owner may no
longer see is an event without a focus, so that its number is not missed.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from access import Sight, allows
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import instant, plain
from fhirserver.engine import Engine
from fhirserver.messages import JSON, Answer
from fhirserver.negotiating import XML, Form, written
from fhirserver.subscribing.model import NAMES, Event, Subscription
from kit.caller import Caller
from kit.db import Connection, Pool

_PROFILE = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"
_VERSIONS = """
select r.key, r.ver, r.pat, r.lab, r.rtype, r.dt, r.dte, r.body from res r join unnest($1::bigint[], $2::int[]) as u(key, ver)
on r.key = u.key and r.ver = u.ver
union all
select h.key, h.ver, h.pat, h.lab, h.rtype, null, null, h.body from hist h join unnest($1::bigint[], $2::int[]) as u(key, ver)
on h.key = u.key and h.ver = u.ver where h.op = 'P'"""
EVENT = "n, key, rtype, rid, ver, at, state"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint."""

    method: str
    url: str
    body: bytes = b""
    content_type: bytes = JSON


@dataclass(frozen=True, slots=True)
class Decided:
    """The bodies that may be shown, by (key, version), and what the log must say."""

    bodies: Mapping[tuple[int, int], bytes]
    about: list[tuple[int, int, int]]
    withheld: int


def event(row: Any) -> Event:
    """From a row of EVENT."""
    n, key, rtype, rid, ver, at, state = row
    return Event(n, key, NAMES[rtype], rid, ver, at, state)


async def decided(engine: Engine, caller: Caller, sight: Sight, events: Sequence[Event]) -> Decided:
    """What this caller may see of these events now."""
    pool: Connection | Pool = engine.db.pool
    rows = await pool.fetch(_VERSIONS, [one.key for one in events], [one.ver for one in events])
    await engine.codec.ready(pool, [row["body"] for row in rows])
    bodies: dict[tuple[int, int], bytes] = {}
    about: set[tuple[int, int, int]] = set()
    for row, shown in zip(rows, await engine.law.sees(pool, sight, rows), strict=True):
        if row["pat"]:
            about.add((row["pat"], row["rtype"], row["lab"]))
        if shown and allows(caller.scopes, NAMES[row["rtype"]], "r"):
            bodies[row["key"], row["ver"]] = engine.shown(sight, row["rtype"], row["pat"], row["body"], row["key"])
    return Decided(bodies, sorted(about), len(rows) - len(bodies))


async def logged(engine: Engine, caller: Caller, activity: str, found: Decided) -> None:
    """Committed before anything leaves (architecture D7)."""
    if engine.mount.logged and found.about:
        await engine.together.write(Entry(caller, activity, found.about, len(found.bodies), found.withheld))


async def plain_call(engine: Engine, sub: Subscription, one: Event, found: Decided) -> Call | None:
    """R4: an empty POST, or the resource as an update at the endpoint. None when it may not be told of any more."""
    body = found.bodies.get((one.key, one.ver))
    if body is None:
        return None
    if not sub.payload:
        return Call("POST", sub.endpoint)
    kind, body = await _formed(sub, body)
    return Call("PUT", f"{sub.endpoint.rstrip('/')}/{one.type_name}/{one.id}", body, kind)


async def topic_call(engine: Engine, sub: Subscription, kind: str, events: Sequence[Event], found: Decided) -> Call:
    """A notification Bundle of this type: handshake, heartbeat or event-notification."""
    media, body = await _formed(sub, bundle(engine, sub, kind, events, found, sub.content))
    return Call("POST", sub.endpoint, body, media)


async def _formed(sub: Subscription, body: bytes) -> tuple[bytes, bytes]:
    if not sub.payload.endswith("xml"):
        return JSON, body
    return XML, (await written(Answer(200, body), Form(xml=True))).body


def bundle(
    engine: Engine, sub: Subscription, kind: str, events: Sequence[Event], found: Decided, content: str
) -> bytes:
    """The Bundle of type history: the status, then (unless empty) what each event is about."""
    base = engine.mount.base
    focus = {} if content == "empty" else {one.n: f"{base}/{one.type_name}/{one.id}" for one in events
                                           if (one.key, one.ver) in found.bodies}  # fmt: skip
    status = plain(
        {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": parameters(engine, sub, kind, events, focus),
            "request": {"method": "GET", "url": f"{base}/Subscription/{sub.id}/$status"},
            "response": {"status": "200"},
        }
    )
    entries = [status] + [_entry(one, focus[one.n], found, content) for one in events if one.n in focus]
    head = {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "type": "history",
        "timestamp": instant(datetime.now(UTC)),
    }
    return plain(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def _entry(one: Event, url: str, found: Decided, content: str) -> bytes:
    request = (
        {"method": "POST", "url": one.type_name}
        if one.ver == 1
        else {"method": "PUT", "url": f"{one.type_name}/{one.id}"}
    )
    response = {"status": "201" if one.ver == 1 else "200"}
    parts = [b'{"fullUrl":', plain(url)]
    if content == "full-resource":
        parts += (b',"resource":', found.bodies[one.key, one.ver])
    return b"".join((*parts, b',"request":', plain(request), b',"response":', plain(response), b"}"))


def parameters(
    engine: Engine, sub: Subscription, kind: str, events: Sequence[Event] = (), focus: Mapping[int, str] = {}
) -> dict[str, Any]:
    """The status of a subscription, as R4 writes R5's SubscriptionStatus."""
    told: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": f"{engine.mount.base}/Subscription/{sub.id}"}},
        {"name": "status", "valueCode": sub.state},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(sub.events)},
    ]
    if sub.topic:
        told.insert(1, {"name": "topic", "valueCanonical": sub.topic})
    if sub.error:
        told.append({"name": "error", "valueCodeableConcept": {"text": sub.error}})
    for one in events:
        part: list[dict[str, Any]] = [
            {"name": "event-number", "valueString": str(one.n)},
            {"name": "timestamp", "valueInstant": instant(one.at)},
        ]
        if one.n in focus:
            part.append({"name": "focus", "valueReference": {"reference": focus[one.n]}})
        told.append({"name": "notification-event", "part": part})
    return {"resourceType": "Parameters", "meta": {"profile": [_PROFILE]}, "parameter": told}


NUMBER = TYPES["Subscription"].number
