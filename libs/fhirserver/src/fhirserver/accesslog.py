"""The access log: one row per request, committed before the answer leaves, in hash chains that show any later change (D7)."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from access import POLICY
from kit.caller import Caller
from kit.db import Connection
from kit.telemetry import current_traceparent

_encode = msgspec.json.Encoder().encode

_INSERT = """
with told as (
    insert into access_log(at, chain, seq, actor, commission, client, purpose, activity, trace,
                           patients, types, labels, returned, withheld, policy)
    select $1, $2, $3, actor, commission, client, purpose, activity, trace,
           patients::bigint[], types::smallint[], labels::int[], returned, withheld, $4
    from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::text[], $13::text[], $14::int[], $15::int[])
      as t(actor, commission, client, purpose, activity, trace, patients, types, labels, returned, withheld))
insert into access_chain(chain, seq, at, rows, hash) values ($2, $3, $1, $16, $17)"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request did: `about` has one place per distinct (patient key, type number, label number) it met."""

    caller: Caller
    activity: str  # read, vread, search, history, create, update, delete, transaction, …
    about: Sequence[tuple[int, int, int]]
    returned: int
    withheld: int = 0
    trace: str | None = field(default_factory=current_traceparent)


class AccessLog:
    """Appends entries on any connection; every connection carries a hash chain of its own."""

    def __init__(self) -> None:
        self._chains: WeakKeyDictionary[Any, _Chain] = WeakKeyDictionary()

    async def append(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """One statement for all entries. Inside a transaction the caller must call `settled` after its commit;
        outside one (autocommit) this does it."""
        if not entries:
            return
        raw = _raw(connection)
        chain = self._chains.get(raw)
        if chain is None or chain.pending is not None:  # unsure whether the last one was committed: a new chain
            chain = self._chains[raw] = _Chain()
        at = datetime.now(UTC)
        columns = _columns(entries)
        digest = hashlib.sha256(chain.head + _encode([at.isoformat(), POLICY, *columns])).digest()
        chain.pending = digest
        await connection.execute(_INSERT, at, chain.id, chain.seq, POLICY, *columns, len(entries), digest)
        if not connection.is_in_transaction():
            self.settled(connection)

    def settled(self, connection: Connection) -> None:
        """The transaction that appended on this connection was committed."""
        chain = self._chains.get(_raw(connection))
        if chain is not None and chain.pending is not None:
            chain.head, chain.pending, chain.seq = chain.pending, None, chain.seq + 1


@dataclass(slots=True)
class _Chain:
    id: int = field(default_factory=lambda: secrets.randbits(62))
    seq: int = 0
    head: bytes = b""
    pending: bytes | None = None


def _raw(connection: Any) -> Any:
    """The connection behind a pool's proxy, which is another object at every acquire."""
    return getattr(connection, "_con", connection)


def _columns(entries: Iterable[Entry]) -> list[list[Any]]:
    rows = [_row(entry) for entry in entries]
    return [list(column) for column in zip(*rows, strict=True)]


def _row(entry: Entry) -> tuple[Any, ...]:
    caller = entry.caller
    patients, types, labels = zip(*entry.about, strict=True) if entry.about else ((), (), ())
    return (
        caller.subject,
        caller.commission.id if caller.commission else None,
        caller.client,
        caller.commission.purpose if caller.commission else caller.kind,
        entry.activity,
        entry.trace,
        _array(patients),
        _array(types),
        _array(labels),
        entry.returned,
        entry.withheld,
    )


def _array(numbers: Sequence[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


async def broken_links(connection: Connection) -> list[tuple[int, int]]:
    """Recomputes every chain; returns (chain, seq) of each batch whose rows do not give the hash that stands there."""
    broken: list[tuple[int, int]] = []
    head: dict[int, bytes] = {}
    async with connection.transaction():
        async for link in connection.cursor("select chain, seq, at, rows, hash from access_chain order by chain, seq"):
            rows = await connection.fetch(_BATCH, link["chain"], link["seq"])
            columns = [list(column) for column in zip(*(tuple(row)[2:] for row in rows), strict=True)]
            policies, moments = {row["policy"] for row in rows}, {row["at"] for row in rows}
            text = _encode([link["at"].astimezone(UTC).isoformat(), *policies, *columns])
            digest = hashlib.sha256(head.get(link["chain"], b"") + text).digest()
            if digest != link["hash"] or len(rows) != link["rows"] or moments != {link["at"]}:
                broken.append((link["chain"], link["seq"]))
            head[link["chain"]] = link["hash"]
    return broken


_BATCH = """
select at, policy, actor, commission, client, purpose, activity, trace,
       patients::text, types::text, labels::text, returned, withheld
from access_log where chain = $1 and seq = $2 order by id"""
