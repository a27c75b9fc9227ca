"""The access log: one row per request, committed before the answer leaves, in hash chains that show any later change (D7)."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from access import POLICY
from fhirserver.logwho import Numbers
from kit.caller import Caller
from kit.db import Connection
from kit.telemetry import current_traceparent

_encode = msgspec.json.Encoder().encode

_INSERT = """
with told as (
    insert into access_log(at, chain, seq, actor, commission, client, purpose, activity, trace,
                           patients, types, labels, returned, withheld, who, args, policy)
    select $1, $2, $3, actor, commission, client, purpose, activity, trace,
           patients::bigint[], types::smallint[], labels::int[], returned, withheld, who, args, $4
    from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::text[], $13::text[], $14::int[], $15::int[], $16::bigint[], $17::text[])
      as t(actor, commission, client, purpose, activity, trace, patients, types, labels, returned, withheld, who, args)),
untold as (insert into access_untold(chain, seq) values ($2, $3))
insert into access_chain(chain, seq, at, rows, hash) values ($2, $3, $1, $18, $19)"""

_WHO = """
insert into access_who(id, value) select * from unnest($1::bigint[], $2::bytea[]) on conflict do nothing"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request did: `about` has one place per distinct (patient key, type number, label number) it met."""

    caller: Caller
    activity: str  # a word of fhirserver.activities
    about: Sequence[tuple[int, int, int]]
    returned: int
    withheld: int = 0
    trace: str | None = field(default_factory=current_traceparent)
    args: str | None = None  # what was asked, in words of ours: the reason of an emergency, the refusal; never content


class AccessLog:
    """Appends entries on any connection; every connection carries a hash chain of its own."""

    def __init__(self) -> None:
        self._chains: WeakKeyDictionary[Any, _Chain] = WeakKeyDictionary()
        self._numbers = Numbers()
        self._written: set[int] = set()  # who is committed in access_who

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
        columns = await self._columns(connection, chain, entries)
        digest = hashlib.sha256(chain.head + batch_text(at, POLICY, columns)).digest()
        chain.pending = digest
        await connection.execute(_INSERT, at, chain.id, chain.seq, POLICY, *columns, len(entries), digest)
        if not connection.is_in_transaction():
            self.settled(connection)

    def settled(self, connection: Connection) -> None:
        """The transaction that appended on this connection was committed."""
        chain = self._chains.get(_raw(connection))
        if chain is not None and chain.pending is not None:
            chain.head, chain.pending, chain.seq = chain.pending, None, chain.seq + 1
            if chain.who:
                self._written |= chain.who
                chain.who = set()

    async def _columns(self, connection: Connection, chain: "_Chain", entries: Sequence[Entry]) -> list[list[Any]]:
        """The rows as columns. Who is not known to be in access_who is written first."""
        found = [self._numbers.of(entry.caller) for entry in entries]
        new = {number: value for number, value in found if number not in self._written}
        if new:
            order = sorted(new)  # two writers of the same ones wait for each other, but not in a circle
            await connection.execute(_WHO, order, [new[number] for number in order])
            chain.who |= set(order)
        rows = [_row(entry, number) for entry, (number, _) in zip(entries, found, strict=True)]
        return [list(column) for column in zip(*rows, strict=True)]


@dataclass(slots=True)
class _Chain:
    id: int = field(default_factory=lambda: secrets.randbits(62))
    seq: int = 0
    head: bytes = b""
    pending: bytes | None = None
    who: set[int] = field(default_factory=set)  # written in the transaction that is not settled yet


def _raw(connection: Any) -> Any:
    """The connection behind a pool's proxy, which is another object at every acquire."""
    return getattr(connection, "_con", connection)


def batch_text(at: datetime, policy: str, columns: Sequence[Sequence[Any]]) -> bytes:
    """What the hash of a batch is over, after the hash before it: JSON of [time, policy, one list per column of `COLUMNS`]."""
    return _encode([at.astimezone(UTC).isoformat(), policy, *columns])


def _row(entry: Entry, who: int) -> tuple[Any, ...]:
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
        who,
        entry.args,
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
            moments = {row["at"] for row in rows}
            text = batch_text(link["at"], one_policy(rows), stored_columns(rows))
            digest = hashlib.sha256(head.get(link["chain"], b"") + text).digest()
            if digest != link["hash"] or len(rows) != link["rows"] or moments != {link["at"]}:
                broken.append((link["chain"], link["seq"]))
            head[link["chain"]] = link["hash"]
    return broken


COLUMNS = (
    "actor", "commission", "client", "purpose", "activity", "trace", "patients", "types", "labels", "returned", "withheld",
    "who", "args",
)  # fmt: skip
_OLD = 11  # columns of batches that are older than `who` and `args`
SELECTED = """actor, commission, client, purpose, activity, trace, patients::text, types::text, labels::text,
       returned, withheld, who, args"""


def stored_columns(rows: Sequence[Any]) -> list[list[Any]]:
    """The columns of one batch as they were hashed, from its rows in order."""
    number = _OLD if all(row["who"] is None for row in rows) else len(COLUMNS)
    return [[row[name] for row in rows] for name in COLUMNS[:number]]


def one_policy(rows: Sequence[Any]) -> str:
    """The policy of one batch's rows; none when they do not agree, which no hash fits."""
    found = {row["policy"] for row in rows}
    return str(found.pop()) if len(found) == 1 else ""


_BATCH = f"select at, policy, {SELECTED} from access_log where chain = $1 and seq = $2 order by id"
