"""The keys of one database: one per person, made at the first write, kept wrapped, and destroyed by order (architecture D8)."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from fhircore.outcome import Issue
from kit.db import Connection, Pool
from kit.problems import Kind, Problem
from kit.sealing import SEALED, DataKey, Master, key_of, new_key

LATEST = 2.0  # seconds after which a process has heard that a key was retired or destroyed
_EVERY = 0.5  # seconds between two looks
_MARGIN = timedelta(minutes=1)  # that a transaction which retires or destroys a key may take to commit
_KEPT = 60.0  # seconds since its last use that a key is not pushed out of a full memory
_LIMIT = 50_000  # keys in memory; about 500 bytes each

_KEYS = "select id, wrapped from keys.data_key where id = any($1::bigint[]) and wrapped is not null"
_CURRENT = (
    "select id, owner, wrapped from keys.data_key where owner = any($1::bigint[]) and retired_at is null and maker = ''"
)
_MAKE = """
insert into keys.data_key(id, owner, wrapped)
select * from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as k(id, owner, wrapped) order by owner
on conflict (owner) where retired_at is null and maker = '' do nothing"""
_RETIRE = """
update keys.data_key set retired_at = clock_timestamp() where owner = any($1::bigint[]) and retired_at is null"""
_DOOMED = """
select id from keys.data_key where owner = any($1::bigint[]) and retired_at is not null and wrapped is not null
union select k.id from keys.shared s join keys.data_key k on k.id = s.key
where s.owner = any($1::bigint[]) and k.wrapped is not null and k.made_at <= $2 order by 1"""
_GONE = "select id, owner, wrapped is null as destroyed from keys.data_key where retired_at > clock_timestamp() - $1::interval"


class Erased(Problem):
    """What this was sealed with has been destroyed, by an order of destruction: nobody can read it any more."""

    kind = Kind.GONE
    code = "kit/erased"
    title = "The information was destroyed by order"

    def __init__(self, *, at: str | None = None) -> None:
        super().__init__(at=at, issues=(Issue("deleted", self.title, at, reason=self.code),))


class Keyring:
    """One per process and database. `limit` bounds the keys in memory, not those in the database; `seals`: new bodies too, not
    only those that are sealed already."""

    def __init__(self, master: Master, *, seals: bool = True, limit: int = _LIMIT) -> None:
        self._master = master
        self.seals = seals
        self._limit = limit
        self._keys: dict[int, DataKey] = {}
        self._used: dict[int, float] = {}
        self._current: dict[int, DataKey] = {}  # by owner
        self._looked = 0.0  # when, by the monotonic clock
        self.pool: Pool | None = None  # not the one that writers hold a connection of

    def held(self, id: int) -> DataKey:
        """A key that `ready` brought. Raises Erased when there is none, since `ready` brings all that are left."""
        key = self._keys.get(id)
        if key is None:
            raise Erased
        return key

    async def ready(self, con: Pool | Connection, stored: Iterable[bytes | None]) -> None:
        """Brings the keys of these stored bodies; those that are destroyed stay away. Call it after each fetch of bodies."""
        now = time.monotonic()
        missing = set()
        for body in stored:
            if body and body[0] == SEALED:
                id = key_of(body)
                if id in self._keys:
                    self._used[id] = now
                else:
                    missing.add(id)
        if missing:
            for row in await con.fetch(_KEYS, list(missing)):
                self._keep(self._master.unwrap(row["id"], row["wrapped"]))

    async def current(self, owners: Iterable[int]) -> dict[int, DataKey]:
        """The keys to seal with, by owner; made where there is none. Committed by itself before what it seals: a key that seals
        nothing is harmless."""
        assert self.pool is not None
        if time.monotonic() - self._looked > LATEST:
            await self.look()
        wanted = set(owners)
        missing = {owner for owner in wanted if owner not in self._current}
        while missing:
            for row in await self.pool.fetch(_CURRENT, list(missing)):
                self._current[row["owner"]] = self._keep(self._master.unwrap(row["id"], row["wrapped"]))
                missing.discard(row["owner"])
            if missing:
                await self._make(sorted(missing))
        return {owner: self._current[owner] for owner in wanted}

    async def _make(self, owners: Sequence[int]) -> None:
        made = [DataKey(*new_key()) for _ in owners]
        assert self.pool is not None
        await self.pool.execute(
            _MAKE, [key.id for key in made], list(owners), [self._master.wrap(key) for key in made]
        )  # fmt: skip

    async def shared(self, con: Connection, owners: Iterable[int]) -> DataKey:
        """The key of something that names these persons, in the transaction that stores it: the person's where it is one, else
        one of its own that is destroyed when any of them is."""
        people = sorted(set(owners))
        if len(people) == 1:
            return (await self.current(people))[people[0]]
        key = DataKey(*new_key())
        await con.execute(
            "insert into keys.data_key(id, owner, wrapped) values ($1, $1, $2)", key.id, self._master.wrap(key)
        )
        await con.execute("insert into keys.shared(owner, key) select *, $2 from unnest($1::bigint[])", people, key.id)
        return self._keep(key)

    async def given(self, ids: Sequence[int]) -> dict[int, DataKey | None]:
        """Those of these keys that were made here, from the database; None for one that is destroyed."""
        assert self.pool is not None
        rows = await self.pool.fetch("select id, wrapped from keys.data_key where id = any($1::bigint[])", list(ids))
        return {
            row["id"]: None if row["wrapped"] is None else self._master.unwrap(row["id"], row["wrapped"])
            for row in rows
        }

    async def retire(self, con: Connection, owners: Sequence[int]) -> None:
        """From LATEST seconds after the commit on, nothing more is sealed with the keys that these have now."""
        await con.execute(_RETIRE, list(owners))

    async def unretired(self, con: Connection, owners: Sequence[int], until: datetime) -> bool:
        """Whether any key of these that was made until then still seals."""
        found = await con.fetchval(
            "select exists (select from keys.data_key where owner = any($1::bigint[]) and retired_at is null and made_at <= $2)",
            list(owners), until,
        )  # fmt: skip
        return bool(found)

    async def doomed(self, con: Connection, owners: Sequence[int], until: datetime) -> list[int]:
        """The keys of these that were retired, and those of what several share that were made until then."""
        return [row["id"] for row in await con.fetch(_DOOMED, list(owners), until)]

    async def destroy(self, con: Connection, ids: Sequence[int]) -> int:
        """These keys are no more when the transaction commits; other processes notice within LATEST seconds."""
        gone = await con.execute(
            "update keys.data_key set wrapped = null, retired_at = clock_timestamp(), destroyed_at = clock_timestamp()"
            " where id = any($1::bigint[]) and wrapped is not null", list(ids),
        )  # fmt: skip
        self.drop(ids)
        return int(gone.split()[-1])

    def drop(self, ids: Iterable[int]) -> None:
        """Out of this process's memory."""
        gone = set(ids)
        for id in gone:
            self._keys.pop(id, None)
            self._used.pop(id, None)
        self._current = {owner: key for owner, key in self._current.items() if key.id not in gone}

    async def look(self) -> None:
        """What other processes retired and destroyed since the last look."""
        assert self.pool is not None
        began = time.monotonic()
        since = timedelta(seconds=began - self._looked) + _MARGIN if self._looked else _MARGIN
        rows: Sequence[Any] = await self.pool.fetch(_GONE, since)
        self.drop([row["id"] for row in rows if row["destroyed"]])
        for row in rows:
            known = self._current.get(row["owner"])
            if known is not None and known.id == row["id"]:
                del self._current[row["owner"]]
        self._looked = began

    async def run(self) -> None:
        """A loop of every process."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY)

    async def rewrap(self, pool: Pool) -> int:
        """After a rotation: every key under the newest master key; how many were not."""
        count, after = 0, -1
        while True:
            rows = await pool.fetch(
                "select id, wrapped from keys.data_key where id > $1 and wrapped is not null order by id limit 500",
                after,
            )
            if not rows:
                return count
            old = [row for row in rows if not self._master.is_current(row["wrapped"])]
            for row in old:
                again = self._master.wrap(self._master.unwrap(row["id"], row["wrapped"]))
                # Not over a key that is destroyed meanwhile.
                await pool.execute(
                    "update keys.data_key set wrapped = $2 where id = $1 and wrapped is not null", row["id"], again
                )
            count, after = count + len(old), rows[-1]["id"]

    def _keep(self, key: DataKey) -> DataKey:
        if len(self._keys) >= self._limit:
            oldest = time.monotonic() - _KEPT
            self.drop([id for id, used in self._used.items() if used < oldest])
        self._keys[key.id] = key
        self._used[key.id] = time.monotonic()
        return key


def keyring(master_key: str, *, seals: bool = True) -> Keyring | None:
    """Of a setting; None where there is none. Raises WrongMaster."""
    return Keyring(Master.read(master_key), seals=seals) if master_key else None
