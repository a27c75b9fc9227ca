"""Which patient keys are one person (D1): kept in memory, since merged records are few, and read again each second."""

import asyncio
from collections.abc import Sequence
from typing import Any

from kit.db import Connection, Database

_SELECT = "select person, array_agg(key) from same group by person having count(*) > 1"

# A relation to one record of a person is a relation to all of them.
_RELATIONS = """
insert into access_relation(unit, pat, since, until, ground, source)
select a.unit, other.key, a.since, a.until, a.ground, a.source
from access_relation a join same one on one.key = a.pat join same other on other.person = one.person and other.key <> a.pat
where a.source is not null on conflict (source, pat) where source is not null do nothing"""


class SamePersons:
    """Expands a patient key to all keys of its person."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._groups: dict[int, tuple[int, ...]] = {}
        self.version = 0

    def expanded(self, key: int) -> list[int]:
        return list(self._groups.get(key, (key,)))

    async def refresh(self) -> None:
        """Reads the table `same` as it is committed."""
        self._take(await self._db.pool.fetch(_SELECT))

    async def refresh_on(self, con: Connection) -> None:
        """The same as it will be when this transaction commits. If it does not, `run` puts it right within a second;
        until then a person is seen as more than they are only to whom both may be shown."""
        self._take(await con.fetch(_SELECT))
        await con.execute(_RELATIONS)

    def _take(self, rows: Sequence[Any]) -> None:
        groups = {key: tuple(keys) for _, keys in rows for key in keys}
        if groups != self._groups:
            self._groups, self.version = groups, self.version + 1

    async def run(self) -> None:
        """Keeps the map fresh until cancelled: another process may have joined two persons."""
        while True:
            await asyncio.sleep(1)
            await self.refresh()
