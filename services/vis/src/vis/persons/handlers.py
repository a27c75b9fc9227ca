"""VIS hears of persons who were joined in the region: from then on both Patients are one here too (D1)."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from fhirserver.engine import Engine
from kit.db import driver
from kit.events import CloudEvent, UnreadableEvent
from kit.inbox import Handler

TOPIC = "information.person-changed.v1"


class PersonChanged(msgspec.Struct):
    """Our reading of the fact: only what we use."""

    person: str
    replaces: list[str]


def handlers(engine: Engine) -> dict[str, Handler]:
    """By topic."""

    async def join(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        con = await driver(tx)
        for event in events:
            try:
                fact = msgspec.json.decode(event.data, type=PersonChanged)
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise UnreadableEvent("This is not the fact of a person", at="data") from None
            person = engine.keys.of(f"Patient/{fact.person}")
            keys = [person, *(engine.keys.of(f"Patient/{one}") for one in fact.replaces)]
            await con.execute(
                "insert into same(key, person, version) select key, $2, 1 from unnest($1::bigint[]) key"
                " on conflict (key) do update set person = $2, version = same.version + 1",
                keys,
                person,
            )
        await engine.persons.refresh_on(con)

    return {TOPIC: join}
