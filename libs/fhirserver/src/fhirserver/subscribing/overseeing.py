"""What an operator sees of subscriptions, and how dead events are sent again; ids and counts, never content or secrets."""

from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from fhirserver.engine import Engine
from fhirserver.problems import NotFound
from fhirserver.subscribing.model import NAMES
from kit.operations import Operations, answer

_ALL = """
select s.id, s.state, s.endpoint, s.topic, s.rtype, s.events, s.attempts, s.failing_since, s.next_at, s.last_at, s.error,
       count(*) filter (where e.state = 'waiting') as waiting, count(*) filter (where e.state = 'dead') as dead
from subscription s left join subscription_event e on e.sub = s.id and e.state in ('waiting', 'dead')
group by s.id order by s.id limit 1000"""
_DEAD = """
select sub, n, rtype, rid, ver, at from subscription_event where state = 'dead' order by at desc, sub, n limit 1000"""
_AGAIN = "update subscription_event set state = 'waiting' where sub = $1 and state = 'dead'"


class Overseen(msgspec.Struct):
    """One subscription. `host` is where it sends; the rest of the address may hold secrets."""

    id: str
    state: str
    host: str
    type: str
    topic: bool
    events: int
    waiting: int
    dead: int
    attempts: int
    failing_since: datetime | None
    next_at: datetime
    last_at: datetime | None
    error: str


class Dead(msgspec.Struct):
    """One event that was given up."""

    subscription: str
    number: int
    resource: str
    version: int
    at: datetime


def mount(operations: Operations, engine: Engine) -> None:
    """Adds the operator's view of subscriptions to a service's operations."""

    async def overview() -> Response:
        rows = await engine.db.pool.fetch(_ALL)
        found = [
            Overseen(
                row["id"], row["state"], urlsplit(row["endpoint"]).netloc, NAMES[row["rtype"]], bool(row["topic"]),
                row["events"], row["waiting"], row["dead"], row["attempts"], row["failing_since"], row["next_at"],
                row["last_at"], row["error"],
            )
            for row in rows
        ]  # fmt: skip
        return answer(found)

    async def dead() -> Response:
        rows = await engine.db.pool.fetch(_DEAD)
        return answer(
            [Dead(row["sub"], row["n"], f"{NAMES[row['rtype']]}/{row['rid']}", row["ver"], row["at"]) for row in rows]
        )

    async def replay(id: str) -> Response:
        """Dead events wait again; they are sent when the subscription is active."""
        if await engine.db.pool.fetchval("select 1 from subscription where id = $1", id) is None:
            raise NotFound("There is no such subscription", at="id")
        done = await engine.db.pool.execute(_AGAIN, id)
        engine.change_noted.set()
        return answer({"replayed": int(done.split()[-1])})

    operations.router.add_api_route("/subscriptions", overview)
    operations.router.add_api_route("/subscriptions/dead", dead)
    operations.router.add_api_route("/subscriptions/{id}/replay", replay, methods=["POST"])
