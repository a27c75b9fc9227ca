"""Messages that were set aside, for the operator: listed, shown, replayed, given up; never lost, never with their content
unless that is asked for."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Literal, Protocol

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Connection
from kit.events import CloudEvent
from kit.inbox import replay
from kit.outbox import read_headers
from kit.problems import Kind, Problem
from kit.sealed_events import Opening, is_sealed

State = Literal["parked", "waiting", "given up"]
_SHOWN = (
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "content-type",
    "traceparent",
)  # not the subject: that is a patient


class NoSuchMessage(Problem):
    """No message with this id is set aside here; it may have been replayed already."""

    kind = Kind.NOT_FOUND
    code = "kit/not-set-aside"
    title = "There is no such message set aside"


class Held(msgspec.Struct):
    """One message that was set aside. `person` is a mark: messages with the same mark are about the same key."""

    id: str
    state: State
    at: datetime
    reader: str
    topic: str
    code: str
    reason: str
    person: str = ""
    attempts: int = 0
    next_at: datetime | None = None


class Shown(msgspec.Struct):
    """The same with its attributes; `body` only when asked for (as it travelled, format byte and all)."""

    held: Held
    attributes: dict[str, str]
    size: int
    behind: int = 0  # messages of the same key that wait after it
    body: bytes | None = None


async def said(found: Shown, opening: Opening | None) -> bytes | None:
    """What a message says; nothing where it was sealed with a key that is destroyed. Raises Unavailable while the maker of keys
    is away."""
    if opening is None or not found.body or not is_sealed(found.body):
        return found.body
    about = found.attributes
    event = CloudEvent(about["ce_id"], about["ce_source"], about["ce_type"], found.held.at, found.body)
    [opened] = await opening(found.held.topic, [event])
    return None if opened is None else opened.data


class Place(Protocol):
    """Somewhere messages are set aside. Ids are `prefix-number`; `code` narrows to one reason."""

    prefix: str

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]: ...
    async def load(self, con: Connection, number: int) -> Shown: ...
    async def matching(self, con: Connection, code: str | None) -> list[int]: ...
    async def present(self, con: Connection, numbers: Sequence[int]) -> list[int]: ...
    async def replay(self, tx: AsyncConnection, con: Connection, numbers: Sequence[int]) -> int: ...
    async def give_up(self, con: Connection, number: int) -> None: ...


_LIST = """
select *, 'parked' as state, 0 as attempts, null::timestamptz as next_at from inbox_parked
where given_up_at is null and ($1::text is null or code = $1) order by id desc limit $2"""
_ONE = """
select *, case when given_up_at is null then 'parked' else 'given up' end as state, 0 as attempts,
       null::timestamptz as next_at
from inbox_parked where id = $1"""
_BEHIND = "select count(*) from inbox_waiting where reader = $1 and topic = $2 and lane = $3"


class InboxPlace:
    """What a service's inbox refused: `prefix` is the service's name."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]:
        """Newest first."""
        return [_held(self.prefix, row) for row in await con.fetch(_LIST, code, limit)]

    async def load(self, con: Connection, number: int) -> Shown:
        """Raises NoSuchMessage."""
        row = await con.fetchrow(_ONE, number)
        if row is None:
            raise NoSuchMessage
        behind = 0 if row["key"] is None else await con.fetchval(_BEHIND, row["reader"], row["topic"], row["key"])
        return _shown(self.prefix, row, behind)

    async def matching(self, con: Connection, code: str | None) -> list[int]:
        rows = await con.fetch(
            "select id from inbox_parked where given_up_at is null and ($1::text is null or code = $1) order by id",
            code,
        )
        return [row["id"] for row in rows]

    async def present(self, con: Connection, numbers: Sequence[int]) -> list[int]:
        """One that was given up may be brought back, by its id."""
        rows = await con.fetch("select id from inbox_parked where id = any($1::bigint[]) order by id", numbers)
        return [row["id"] for row in rows]

    async def replay(self, tx: AsyncConnection, con: Connection, numbers: Sequence[int]) -> int:
        """To their keys' lanes, in their order; returns how many were there."""
        return sum([await replay(tx, number) for number in sorted(numbers)])

    async def give_up(self, con: Connection, number: int) -> None:
        """It stays, marked; raises NoSuchMessage."""
        done = await con.execute(
            "update inbox_parked set given_up_at = now() where id = $1 and given_up_at is null", number
        )
        if done == "UPDATE 0":
            raise NoSuchMessage


WAITS = "waits"  # the reason of all that is tried again by itself
_WAITS = "select *, 'waiting' as state, 'waits' as code, error as reason from inbox_waiting"


class WaitingPlace:
    """What is tried again by itself, in order per key: `prefix` is the service's name and `-waiting`."""

    def __init__(self, service: str) -> None:
        self.prefix = f"{service}-waiting"

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]:
        """Oldest first."""
        rows = await con.fetch(f"{_WAITS} where $1 order by id limit $2", code in (None, WAITS), limit)
        return [_held(self.prefix, row) for row in rows]

    async def load(self, con: Connection, number: int) -> Shown:
        """Raises NoSuchMessage."""
        row = await con.fetchrow(f"{_WAITS} where id = $1", number)
        if row is None:
            raise NoSuchMessage
        behind = await con.fetchval(_BEHIND + " and id > $4", row["reader"], row["topic"], row["lane"], number)
        return _shown(self.prefix, row, behind)

    async def matching(self, con: Connection, code: str | None) -> list[int]:
        """None of them is parked, so only their own code means them."""
        rows = await con.fetch("select id from inbox_waiting where $1 order by id", code == WAITS)
        return [row["id"] for row in rows]

    async def present(self, con: Connection, numbers: Sequence[int]) -> list[int]:
        rows = await con.fetch("select id from inbox_waiting where id = any($1::bigint[]) order by id", numbers)
        return [row["id"] for row in rows]

    async def replay(self, tx: AsyncConnection, con: Connection, numbers: Sequence[int]) -> int:
        """Tries them now instead of later."""
        done = await con.execute("update inbox_waiting set next_at = now() where id = any($1::bigint[])", numbers)
        return int(done.rpartition(" ")[2])

    async def give_up(self, con: Connection, number: int) -> None:
        """Its key goes on without it; it stays among the parked, marked. Raises NoSuchMessage."""
        kept = 'reader, topic, partition, "offset", key, headers, value, at'
        done = await con.execute(
            f"with given as (delete from inbox_waiting where id = $1 returning {kept}, error)"
            f" insert into inbox_parked ({kept}, code, reason, given_up_at)"
            f" select {kept}, 'kit/given-up', error, now() from given",
            number,
        )
        if done == "INSERT 0 0":
            raise NoSuchMessage


def _held(prefix: str, row: asyncpg.Record) -> Held:
    """The reason of what waits is an error with its places in the code; those are for the log."""
    return Held(
        f"{prefix}-{row['id']}", row["state"], row["at"], row["reader"], row["topic"], row["code"],
        row["reason"].partition(" at ")[0] if row["state"] == "waiting" else row["reason"],
        mark(row["key"]), row["attempts"], row["next_at"],
    )  # fmt: skip


def _shown(prefix: str, row: asyncpg.Record, behind: int) -> Shown:
    headers = dict(read_headers(row["headers"]))
    attributes = {name: headers[name].decode("utf-8", "replace") for name in _SHOWN if name in headers}
    attributes |= {"partition": str(row["partition"]), "offset": str(row["offset"])}
    return Shown(_held(prefix, row), attributes, len(row["value"]), behind, bytes(row["value"]))


def mark(key: str | None) -> str:
    """Eight digits that say "the same one" and nothing else."""
    return "" if key is None else blake2b(key.encode(), digest_size=4).hexdigest()
