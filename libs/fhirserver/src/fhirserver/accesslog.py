"""The access log: one row per request, committed before the answer leaves, in hash chains that show any later change (D7)."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
_PLACES = 8_000  # of one batch: some 0.7 MB where it is told, far below what an event may hold

# The columns come as JSON and not as arrays: the driver looks at each element of an array, which costs more than the row.
_INSERT = """
with told as (
    insert into access_log(at, chain, seq, actor, commission, client, purpose, activity, trace,
                           patients, types, labels, returned, withheld, who, args, policy)
    select $1, $2, $3, actor, commission, client, purpose, activity, trace,
           patients::bigint[], types::smallint[], labels::int[], returned::int, withheld::int, who::bigint, args, $4
    from rows from (
        json_array_elements_text($5::json), json_array_elements_text($6::json), json_array_elements_text($7::json),
        json_array_elements_text($8::json), json_array_elements_text($9::json), json_array_elements_text($10::json),
        json_array_elements_text($11::json), json_array_elements_text($12::json), json_array_elements_text($13::json),
        json_array_elements_text($14::json), json_array_elements_text($15::json), json_array_elements_text($16::json),
        json_array_elements_text($17::json)
    ) as t(actor, commission, client, purpose, activity, trace, patients, types, labels, returned, withheld, who, args)),
untold as (insert into access_untold(chain, seq) values ($2, $3))
insert into access_chain(chain, seq, at, rows, hash) values ($2, $3, $1, $18, $19)"""

_WHO = """
insert into access_who(id, value) select * from unnest($1::bigint[], $2::bytea[]) on conflict do nothing"""


Columns = list[list[Any]]  # one list per column of `COLUMNS`


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
        if sum(len(entry.about) for entry in entries) > _PLACES:
            for few in _few(entries):
                await self._append(connection, few)
        else:
            await self._append(connection, entries)

    async def _append(self, connection: Connection, entries: Sequence[Entry]) -> None:
        raw = _raw(connection)
        chain = self._chains.get(raw)
        if chain is None or chain.pending is not None:  # unsure whether the last one was committed: a new chain
            chain = self._chains[raw] = _Chain()
        at = datetime.now(UTC)
        columns = await self._columns(connection, chain, entries)
        parts = [_encode(column) for column in columns]
        text = _joined(at, POLICY, parts)
        chain.pending = digest = hashlib.sha256(chain.head + text).digest()
        values = (part.decode() for part in parts)
        await connection.execute(_INSERT, at, chain.id, chain.seq, POLICY, *values, len(entries), digest)
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

    async def _columns(self, connection: Connection, chain: "_Chain", entries: Sequence[Entry]) -> Columns:
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


def _few(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The same in batches of at most so many places. A request about more (a file of an export) has a row for each part; what
    was returned is divided among them, one at least for each place while there is enough."""
    batch: list[Entry] = []
    room = _PLACES
    for entry in entries:
        left = entry.returned
        for first in range(0, max(len(entry.about), 1), _PLACES):
            about = entry.about[first : first + _PLACES]
            last = first + _PLACES >= len(entry.about)
            part = (
                entry
                if not first and last
                else replace(entry, about=about, returned=left if last else min(left, len(about)))
            )
            left -= part.returned
            if batch and len(about) > room:
                yield batch
                batch, room = [], _PLACES
            batch.append(part if not first else replace(part, withheld=0))
            room -= len(about)
    yield batch


def _raw(connection: Any) -> Any:
    """The connection behind a pool's proxy, which is another object at every acquire."""
    return getattr(connection, "_con", connection)


def batch_text(at: datetime, policy: str, columns: Sequence[Sequence[Any]]) -> bytes:
    """What the hash of a batch is over, after the hash before it: JSON of [time, policy, one list per column of `COLUMNS`]."""
    return _joined(at, policy, [_encode(column) for column in columns])


def _joined(at: datetime, policy: str, parts: Sequence[bytes]) -> bytes:
    return b"[%s,%s,%s]" % (_encode(at.astimezone(UTC).isoformat()), _encode(policy), b",".join(parts))


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
    """Recomputes every chain; returns (chain, seq) of each batch whose rows do not give the hash that stands there. Of batches
    that went because the region holds them, the link is what the next one follows, and a row would be one too many."""
    broken: list[tuple[int, int]] = []
    head: dict[int, bytes] = {}
    async with connection.transaction():
        async for link in connection.cursor(_LINKS):
            rows = await connection.fetch(_BATCH, link["chain"], link["seq"])
            if link["gone"] is not None:
                broken += [(link["chain"], link["seq"])] if rows else []
                head[link["chain"]] = link["hash"]
                continue
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


_LINKS = "select chain, seq, at, rows, hash, gone from access_chain order by chain, seq"
_BATCH = f"select at, policy, {SELECTED} from access_log where chain = $1 and seq = $2 order by id"
