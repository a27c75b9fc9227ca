"""From the outbox to what must be looked at: in the relay's own transaction, so that nothing told is missed or noted twice."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import structlog

from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.telling import opened
from kit.db import Connection
from kit.events import CloudEvent, from_headers
from kit.outbox import read_headers

_TYPES = "select distinct rtype from subscription where state <> 'off'"
_NOTE = """
insert into subscription_change(rtype, rid)
select rtype, rid from unnest($1::smallint[], $2::text[]) with ordinality as t(rtype, rid, nth) order by nth"""
log = structlog.get_logger(__name__)


class _Changed(msgspec.Struct):
    resources: list[dict[str, str]] = []


_changed = msgspec.json.Decoder(_Changed).decode


class Tap:
    """Given to the relay. Costs one short question a batch while nobody subscribes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, con: Connection, rows: Sequence[Any]) -> None:
        """Notes the changes among these rows of the outbox to types that somebody subscribes to."""
        types = {row[0] for row in await con.fetch(_TYPES)}
        teller = self._engine.mount.teller
        if not types or teller is None:
            return
        topic = teller.topic or teller.changed
        told = [from_headers(read_headers(row["headers"]), None, row["value"]) for row in rows if row["topic"] == topic]
        events = await self._engine.codec.told(con, told)
        found = list(dict.fromkeys(one for event in events for one in self._changes(event)))
        found = [(rtype, id) for rtype, id in found if rtype in types]
        if found:
            await con.execute(_NOTE, [rtype for rtype, _ in found], [id for _, id in found])
            self._engine.change_noted.set()

    def _changes(self, event: CloudEvent) -> Iterator[tuple[int, str]]:
        try:
            if self._engine.mount.teller is not None and self._engine.mount.teller.topic is None:
                yield from [(TYPES[one["type"]].number, one["id"]) for one in _changed(event.data).resources]
            else:
                record = opened(event)
                yield from [(TYPES[one.type].number, one.id) for one in record.entries if one.op == "put"]
        except Exception as error:  # we wrote it ourselves; should it ever be unreadable, the relay must still go on
            log.error("an event could not be read for subscriptions", exc_info=error)
