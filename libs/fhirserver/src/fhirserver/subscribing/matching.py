"""From changes to events: each changed resource is asked, through the search planner, whether it meets the criteria now.

As its owner sees it: what the owner may not see is never an event. A version is an event of a subscription once, however often
it was told.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fhircore.outcome import InvalidFHIR
from fhirserver.engine import Engine
from fhirserver.messages import Request
from fhirserver.problems import Invalid
from fhirserver.search.answering import planned, searching
from fhirserver.search.asked import of_type
from fhirserver.subscribing.model import COLUMNS, NAMES, Subscription, subscription
from fhirserver.subscribing.states import turn_off
from kit.db import Connection
from kit.problems import Kind, Problem

_BATCH, _AT_ONCE = 500, 100
_LOCK = 7004  # advisory: one process matches, so that events are numbered in the order of changes
_TAKE = "select id, rtype, rid from subscription_change order by id limit $1"
_GIVE = """
with known as (select key, ver from subscription_event where sub = $1 and key = any($2::bigint[])),
     new as (select key, rtype, rid, ver, row_number() over (order by nth) as place
             from unnest($2::bigint[], $3::smallint[], $4::text[], $5::int[]) with ordinality as t(key, rtype, rid, ver, nth)
             where not exists (select from known k where k.key = t.key and k.ver = t.ver)),
     number as (update subscription set events = events + (select count(*) from new) where id = $1 returning events)
insert into subscription_event(sub, n, key, rtype, rid, ver)
select $1, number.events - (select count(*) from new) + place, key, rtype, rid, ver from new, number"""


async def match_once(engine: Engine) -> int:
    """Takes up to a batch of changes; returns how many."""
    async with engine.db.pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select pg_try_advisory_xact_lock($1, 1)", _LOCK):
            return 0
        changes = await connection.fetch(_TAKE, _BATCH)
        if not changes:
            return 0
        rows = await connection.fetch(f"select {COLUMNS} from subscription where state <> 'off' order by id")
        for row in rows:
            await _match(engine, connection, subscription(row), changes)
        await connection.execute(
            "delete from subscription_change where id = any($1::bigint[])", [c["id"] for c in changes]
        )
    return len(changes)


async def _match(engine: Engine, con: Connection, sub: Subscription, changes: Sequence[Any]) -> None:
    ids = list(dict.fromkeys(row["rid"] for row in changes if NAMES[row["rtype"]] == sub.type_name))
    for start in range(0, len(ids), _AT_ONCE):
        try:
            found = await meeting(engine, sub, ids[start : start + _AT_ONCE])
        except (Problem, InvalidFHIR) as error:
            problem = Invalid.of(error) if isinstance(error, InvalidFHIR) else error
            if problem.kind in (Kind.UNAVAILABLE, Kind.FAULT, Kind.TOO_MANY):
                raise
            await turn_off(engine, con, sub, f"The criteria cannot be evaluated: {problem.detail}")
            return
        found.sort(key=lambda row: ids.index(row["id"]))
        if found:
            columns = zip(*((row["key"], row["rtype"], row["id"], row["ver"]) for row in found), strict=True)
            await con.execute(_GIVE, sub.id, *(list(column) for column in columns))


async def meeting(engine: Engine, sub: Subscription, ids: Sequence[str]) -> list[Any]:
    """The rows among these ids that meet the criteria and that the owner may see."""
    pairs = [*parse_qsl(sub.criteria, keep_blank_values=True), ("_id", ",".join(ids))]
    request = Request("GET", (sub.type_name,), urlencode(pairs), {}, b"", sub.owner, await engine.sight(sub.owner))
    with searching():
        made = await planned(engine, request, of_type(request, sub.type_name))
        some = made.some(len(ids))
        return list(await engine.search_pool.fetch(some.text, *some.values))
