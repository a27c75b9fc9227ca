"""A Subscription that is written is registered in the same transaction, with who wrote it as its owner.

Its headers are secrets: the stored resource, and so every read, event and export, has their names only.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from access import ALL_SEEING
from fhircore.types import TYPES
from fhirserver.allowing import allow
from fhirserver.bodies import parsed, plain
from fhirserver.engine import Engine
from fhirserver.messages import Request
from fhirserver.operations.asking import only_criteria
from fhirserver.problems import Conflict, Forbidden
from fhirserver.search.asked import of_type
from fhirserver.subscribing.endpoints import HIDDEN
from fhirserver.subscribing.model import Wanted, wanted
from kit.db import Connection

if TYPE_CHECKING:
    from fhirserver.performing import Action, Done

_PER_CLIENT = 100
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PUT = """
insert into subscription(id, owner, client, rtype, criteria, endpoint, headers, payload, topic, content, heartbeat, timeout,
                         most, ends, state)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (id) do update set
    owner = excluded.owner, client = excluded.client, rtype = excluded.rtype, criteria = excluded.criteria,
    endpoint = excluded.endpoint, headers = excluded.headers, payload = excluded.payload, topic = excluded.topic,
    content = excluded.content, heartbeat = excluded.heartbeat, timeout = excluded.timeout, most = excluded.most,
    ends = excluded.ends, state = excluded.state, attempts = 0, failing_since = null, next_at = clock_timestamp(), error = ''"""


def prepare(engine: Engine, request: Request, actions: Sequence["Action"]) -> None:
    """Sets what the Subscriptions among these actions ask for, and hides their secrets; once, however often they are tried.

    Raises NotProcessable, NotSupported, Forbidden.
    """
    for action in actions:
        if action.type_name == "Subscription" and action.data is not None and action.hook is None:
            made = wanted(action.data, engine.mount.base, engine.mount.hooks)
            _check(engine, request, made)
            action.hook = made
            status = "off" if made.state == "off" else "requested"  # more is the server's to say
            channel = dict(action.data["channel"])
            if made.headers:
                channel["header"] = [f"{name}: {HIDDEN}" for name in made.headers]
            action.raw = with_members(action.raw, status=status, channel=channel, error=None)
            action.data = parsed(action.raw)


def _check(engine: Engine, request: Request, made: Wanted) -> None:
    caller = request.caller
    if caller.commission is None and not caller.has(ALL_SEEING):
        raise Forbidden("A subscription belongs to a unit: the token needs a commission", at="Subscription")
    allow(engine, request, made.type_name, "s")
    allow(engine, request, made.type_name, "r")
    asking = replace(request, method="GET", query=made.criteria, headers={}, body=b"")
    only_criteria(of_type(asking, made.type_name).query, "Subscription.criteria")


def with_members(raw: bytes, **new: Any) -> bytes:
    """The same resource with other members; None takes one away."""
    members = _members(raw)
    for name, value in new.items():
        if value is None:
            members.pop(name, None)
        else:
            members[name] = msgspec.Raw(plain(value))
    return b"{" + b",".join(plain(name) + b":" + bytes(value) for name, value in members.items()) + b"}"


async def register(con: Connection, request: Request, done: Sequence["Done"]) -> None:
    """The rows of what was written, and none for what was deleted. Raises Conflict at too many."""
    for one in done:
        if one.action.type_name != "Subscription" or one.written is None:
            continue
        if one.written.outcome == "deleted":
            await con.execute("delete from subscription where id = $1", one.written.id)
        elif one.action.hook is not None:
            await _put(con, request, one.written.id, one.action.hook)


async def _put(con: Connection, request: Request, id: str, made: Wanted) -> None:
    client = f"{request.caller.client}|{request.caller.subject}"
    held = await con.fetchval("select count(*) from subscription where client = $1 and id <> $2", client, id)
    if held >= _PER_CLIENT:
        raise Conflict(f"At most {_PER_CLIENT} subscriptions per client", at="Subscription")
    headers = dict(made.headers)
    if HIDDEN in headers.values():  # what was read is sent back: the secret stays what it was
        before = await con.fetchval("select headers from subscription where id = $1", id)
        known = {} if before is None else msgspec.json.decode(before)
        headers = {name: known.get(name, "") if value == HIDDEN else value for name, value in headers.items()}
    await con.execute(
        _PUT, id, msgspec.json.encode(request.caller).decode(), client, TYPES[made.type_name].number, made.criteria,
        made.endpoint, msgspec.json.encode(headers), made.payload, made.topic, made.content, made.heartbeat, made.timeout,
        made.most, made.ends, made.state,
    )  # fmt: skip
