"""Messages that were set aside, for the operator: listed, shown, replayed, given up; never lost, never with their content
unless that is asked for."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, Protocol

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Connection
from kit.inbox import replay
from kit.outbox import read_headers
from kit.problems import Kind, Problem

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


class Place(Protocol):
    """Somewhere messages are set aside. Ids are `prefix-number`; `code` narrows to one reason."""

    prefix: str

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]: ...
    async def load(self, con: Connection, number: int) -> Shown: ...
    async def count(self, con: Connection, code: str | None) -> int: ...
    async def replay(self, tx: AsyncConnection, con: Connection, numbers: Sequence[int]) -> int: ...
    async def numbers(self, con: Connection, code: str | None) -> list[int]: ...
    async def give_up(self, con: Connection, number: int) -> None: ...


_LIST = """
select id, 'parked' as state, at, reader, topic, code, reason, key, 0 as attempts, null::timestamptz as next_at
from inbox_parked where given_up_at is null and ($1::text is null or code = $1) order by id desc limit $2"""
_WAITS = """
select id, 'waiting' as state, at, reader, topic, 'waits' as code, error as reason, key, attempts, next_at
from inbox_waiting where $1::text is null or $1 = 'waits' order by id limit $2"""
_ONE = (
    "select *, case when given_up_at is null then 'parked' else 'given up' end as state from inbox_parked where id = $1"
)
_BEHIND = "select count(*) from inbox_waiting where reader = $1 and topic = $2 and lane = $3"
_CODED = "from inbox_parked where given_up_at is null and ($1::text is null or code = $1)"


class InboxPlace:
    """What a service's inbox could not take: `prefix` is the service's name."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]:
        """Parked messages, newest first, then those that wait, oldest first."""
        rows = [*await con.fetch(_LIST, code, limit), *await con.fetch(_WAITS, code, limit)]
        return [self._held(row) for row in rows[:limit]]

    async def load(self, con: Connection, number: int) -> Shown:
        """Raises NoSuchMessage."""
        row = await con.fetchrow(_ONE, number)
        if row is None:
            raise NoSuchMessage
        headers = dict(read_headers(row["headers"]))
        attributes = {name: headers[name].decode("utf-8", "replace") for name in _SHOWN if name in headers}
        attributes |= {"partition": str(row["partition"]), "offset": str(row["offset"])}
        behind = 0 if row["key"] is None else await con.fetchval(_BEHIND, row["reader"], row["topic"], row["key"])
        return Shown(
            self._held({**row, "attempts": 0, "next_at": None}), attributes, len(row["value"]), behind, row["value"]
        )

    async def count(self, con: Connection, code: str | None) -> int:
        return int(await con.fetchval(f"select count(*) {_CODED}", code))

    async def numbers(self, con: Connection, code: str | None) -> list[int]:
        return [row["id"] for row in await con.fetch(f"select id {_CODED} order by id", code)]

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

    def _held(self, row: asyncpg.Record | dict[str, Any]) -> Held:
        reason = row["reason"].partition(" at ")[0] if row["state"] == "waiting" else row["reason"]
        prefix = f"{self.prefix}-waiting" if row["state"] == "waiting" else self.prefix
        return Held(
            f"{prefix}-{row['id']}", row["state"], row["at"], row["reader"], row["topic"], row["code"], reason,
            mark(row["key"]), row["attempts"], row["next_at"],
        )  # fmt: skip


def mark(key: str | None) -> str:
    """Eight digits that say "the same one" and nothing else."""
    return "" if key is None else blake2b(key.encode(), digest_size=4).hexdigest()
