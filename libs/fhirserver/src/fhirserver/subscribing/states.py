"""The state of a subscription: in its row, and as a new version of its resource, in one transaction."""

from access import all_seeing
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.subscribing.model import Subscription
from fhirserver.subscribing.registering import with_members
from fhirserver.wishes import Put
from kit.db import Connection

_BODY = "select key, lab, body from res where key = $1 for update"
_STATE = """
update subscription set state = $2, error = $3 where id = $1 and state = $4 and state <> $2 returning id"""
_DEAD = "update subscription_event set state = 'dead' where sub = $1 and state = 'waiting'"


async def change(engine: Engine, con: Connection, sub: Subscription, state: str, error: str = "") -> None:
    """Nothing happens when its owner, or another process, has changed it meanwhile."""
    row = await con.fetchrow(_BODY, engine.keys.of(f"Subscription/{sub.id}"))
    if row is None or await con.fetchval(_STATE, sub.id, state, error, sub.state) is None:
        return
    await engine.codec.ready(con, [row["body"]])
    raw = with_members(engine.codec.unpack(row["body"], row["key"]), status=state, error=error or None)
    put = Put("Subscription", sub.id, raw, parsed(raw), row["lab"])
    await engine.writer.apply(con, [put], all_seeing())


async def turn_off(engine: Engine, con: Connection, sub: Subscription, why: str) -> None:
    """It stays off until its owner asks for it again; what waited is set aside as dead, and shown."""
    await change(engine, con, sub, "off", why)
    await con.execute(_DEAD, sub.id)
