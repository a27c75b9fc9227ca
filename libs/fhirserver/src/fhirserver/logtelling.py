"""The access log, told to the region: one event per batch, in order per chain, read afterwards and never by a reader (D7)."""

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import zstandard

from fhircore.types import TYPES
from fhirserver.accesslog import COLUMNS, SELECTED, Columns, batch_text, one_policy, stored_columns
from fhirserver.codec import ZSTD
from fhirserver.engine import Engine
from fhirserver.telling import sealed
from kit.db import Connection
from kit.events import CloudEvent, UnreadableEvent
from kit.outbox import Outgoing, emit_raw
from kit.turns import Turns

TOPIC = "audit.access.v1"
_CONTENT_TYPE = "application/vnd.fvm.access+zstd"
_LOCK = 0x6B69740009  # advisory lock of this database: "kit", telling the log
_SLOWEST = 1.0  # seconds between two looks
_BATCHES = 64  # told in one transaction: readers wait while many rows are read and packed
_LARGEST = 256 * 1024 * 1024  # bytes after decompression; more is refused as a bomb
_PATIENT = TYPES["Patient"].number

_TAKE = """
select u.id, c.chain, c.seq, c.at, c.hash from (
    select id, chain, seq from access_untold order by id limit $1 for update skip locked
) u join access_chain c on (c.chain, c.seq) = (u.chain, u.seq) order by u.id"""
_ROWS = f"""
select chain, seq, policy, {SELECTED} from access_log
where (chain, seq) in (select * from unnest($1::bigint[], $2::bigint[])) order by id"""
_NAMES = "select key, id from res where key = any($1::bigint[]) and rtype = $2"
_NAMES_OF_OLD = "select distinct key, id from hist where key = any($1::bigint[]) and rtype = $2"
_LABELS = "select id, provider, unit, info from label where id = any($1::int[])"
_WHO = "select id, value from access_who where id = any($1::bigint[])"


class ToldLabel(msgspec.Struct, frozen=True):
    """A legal label: whose information it is (LOG-04 resource.careProvider, careUnit), and its information type."""

    provider: str
    unit: str
    type: str


class ToldBatch(msgspec.Struct):
    """The value of an event: one batch of one chain. `batch` is, to the letter, what `hash` is over after the hash before it."""

    source: str  # fvm/vis, fvm/information
    chain: int
    seq: int
    hash: bytes
    batch: msgspec.Raw  # [time, policy, one list per column of fhirserver.accesslog.COLUMNS]
    patients: dict[str, str]  # the source's keys → Patient ids; keys of Patients it never held are absent
    labels: dict[str, ToldLabel]  # the source's numbers → labels
    who: dict[str, msgspec.Raw]  # numbers → fhirserver.logwho.Who, to the letter


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ToldBatch).decode


def opened(event: CloudEvent) -> ToldBatch:
    """The batch inside an event. Raises UnreadableEvent, which parks it."""
    return unpacked(event.data)


def unpacked(data: bytes) -> ToldBatch:
    if not data or data[0] != ZSTD:
        raise UnreadableEvent("The value does not begin with a known format byte", at="data")
    try:
        return _decode(zstandard.ZstdDecompressor().decompress(data[1:], max_output_size=_LARGEST))
    except (zstandard.ZstdError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableEvent(f"The value is not a batch of a log: {type(error).__name__}", at="data") from None


def outgoing(told: ToldBatch, at: Any) -> Outgoing:
    """The event of one batch, keyed by its chain so that the order holds."""
    key = f"{told.source}/{told.chain}"
    id = uuid.UUID(bytes=hashlib.blake2b(b"%d/%d" % (told.chain, told.seq), digest_size=16).digest())
    data = sealed(_encode(told))
    return Outgoing(TOPIC, key, CloudEvent(str(id), told.source, TOPIC, at, data, key, key, _CONTENT_TYPE))


class LogTeller:
    """The loop of one service; of several processes one works."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns(engine.db, _LOCK, self.once, slowest=_SLOWEST)

    async def run(self) -> None:
        """Runs until cancelled; raises what the database raises."""
        await self._turns.run()

    async def once(self, con: Connection) -> int:
        """Tells what waits, at most so many batches. Returns how many when there may be more at once, else 0: what trickles in
        is taken each second together."""
        async with con.transaction():
            links = await con.fetch(_TAKE, _BATCHES)
            if not links:
                return 0
            await emit_raw(con, await self._told(con, links))
            await con.execute("delete from access_untold where id = any($1::bigint[])", [link["id"] for link in links])
        self._engine.wake()
        return len(links) if len(links) == _BATCHES else 0

    async def _told(self, con: Connection, links: Sequence[Any]) -> list[Outgoing]:
        teller = self._engine.mount.teller
        source = f"fvm/{self._engine.mount.door}" if teller is None else teller.source
        texts = await self._texts(con, links)
        mentioned = [_mentioned(columns) for _, columns in texts]
        names, labels, who = await self._meanings(con, mentioned)
        found = []
        for link, (text, _), (keys, numbers, callers) in zip(links, texts, mentioned, strict=True):
            told = ToldBatch(
                source,
                link["chain"],
                link["seq"],
                bytes(link["hash"]),
                msgspec.Raw(text),
                {str(key): names[key] for key in keys if key in names},
                {str(number): labels[number] for number in numbers if number in labels},
                {str(number): who[number] for number in callers if number in who},
            )
            found.append(outgoing(told, link["at"]))
            await asyncio.sleep(0)  # readers come first: packing one batch takes as long as answering several of them
        return found

    async def _texts(self, con: Connection, links: Sequence[Any]) -> list[tuple[bytes, Columns]]:
        """Text and columns of each batch as its rows stand: what was changed since no longer fits the hash, and the region
        sees it."""
        of: dict[tuple[int, int], list[Any]] = {(link["chain"], link["seq"]): [] for link in links}
        for row in await con.fetch(_ROWS, [link["chain"] for link in links], [link["seq"] for link in links]):
            of[row["chain"], row["seq"]].append(row)
        found = []
        for link in links:
            rows = of[link["chain"], link["seq"]]
            columns = stored_columns(rows)
            await asyncio.sleep(0)
            found.append((batch_text(link["at"], one_policy(rows), columns), columns))
        return found

    async def _meanings(
        self, con: Connection, mentioned: Sequence["_Mentioned"]
    ) -> tuple[dict[int, str], dict[int, ToldLabel], dict[int, msgspec.Raw]]:
        """What the numbers of batches mean: Patient ids by key, labels, and who."""
        keys, numbers, callers = (sorted(set().union(*kind)) for kind in zip(*mentioned, strict=True))
        names = {row[0]: row[1] for row in await con.fetch(_NAMES, keys, _PATIENT)}
        gone = [key for key in keys if key not in names]
        if gone:
            names |= {row[0]: row[1] for row in await con.fetch(_NAMES_OF_OLD, gone, _PATIENT)}
        labels = {row[0]: ToldLabel(row[1], row[2], row[3]) for row in await con.fetch(_LABELS, numbers)}
        who = {row[0]: msgspec.Raw(bytes(row[1])) for row in await con.fetch(_WHO, callers)}
        return names, labels, who


_Mentioned = tuple[list[int], list[int], list[int]]
_PATIENTS, _TYPE_LABELS, _CALLERS = (COLUMNS.index(name) for name in ("patients", "labels", "who"))


def _mentioned(columns: Columns) -> _Mentioned:
    """Keys, label numbers and callers of a batch, each once, in order."""
    keys = {number for array in columns[_PATIENTS] for number in numbers_of(array)}
    numbers = {number for array in columns[_TYPE_LABELS] for number in numbers_of(array)}
    callers = {number for number in columns[_CALLERS] if number is not None} if len(columns) > _CALLERS else set()
    return sorted(keys - {0}), sorted(numbers - {0}), sorted(callers)


def numbers_of(array: str) -> list[int]:
    """The numbers of an array as PostgreSQL writes it: {1,2}."""
    inner = array[1:-1]
    return [int(one) for one in inner.split(",")] if inner else []
