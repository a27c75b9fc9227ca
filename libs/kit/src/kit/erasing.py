"""Orders of destruction: heard, carried out once in one transaction per service, and answered with a proof (REC-06, D8)."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Connection, Database, driver
from kit.events import CloudEvent, UnreadableEvent
from kit.inbox import Handler
from kit.keyring import LATEST, Keyring
from kit.outbox import Outgoing, emit_raw
from kit.turns import Turns

ORDERED = "information.erasure-ordered.v1"
_LOCK = 0x6B69740005  # advisory lock of this database: "kit", destruction
_SLOWEST = 1.0  # seconds between two looks
_PATIENCE = timedelta(seconds=LATEST + 1)  # after which nobody begins to seal with a retired key
# Whoever wrote before the order was taken up has committed, or is waited for. Jobs of ours that only read are not.
_OLDEST = """
select min(xact_start) from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
and pid <> pg_backend_pid() and application_name <> 'fvm job'"""
_OPEN = "select id, value, retired_at, restored from erasure_task where done_at is null"

log = structlog.get_logger(__name__)


class Order(msgspec.Struct, frozen=True):
    """What is to be destroyed: everything that was written about the person until `at`, or the resources that are named."""

    id: str
    at: datetime
    patients: list[str]  # every Patient id of the person
    resources: list[str] = []  # Type/id; none: the whole record
    identifiers: list[dict[str, str]] = []  # (system, value) of the person, for who knows nobody by a Patient id

    @property
    def names(self) -> list[str]:
        """`Type/id` of what is named, or of the person's Patients."""
        return self.resources or [f"Patient/{id}" for id in self.patients]


class Proof(msgspec.Struct):
    """What a service did: rows destroyed by place, rows of them that are left (none), keys destroyed, and when."""

    order: str
    copy: str
    at: datetime
    removed: dict[str, int]
    left: int
    keys: list[str] = []  # ids, as text: they are larger than JavaScript's numbers


_order = msgspec.json.Decoder(Order).decode
_proof = msgspec.json.Decoder(Proof).decode
_encode = msgspec.json.Encoder().encode

# Destroys in the caller's transaction; given the order and the ids of the keys that will be destroyed after it. Returns rows by
# place, and how many are left.
Destroy = Callable[[Connection, Order, Sequence[int]], Awaitable[tuple[dict[str, int], int]]]
# The numbers by which the keyring knows whom an order is about, and what of it has keys of its own.
Owners = Callable[[Connection, Order], Awaitable[Sequence[int]]]
Answer = Callable[[Connection, Order, Proof], Awaitable[None]]  # in the transaction that destroyed


def read_order(data: bytes) -> Order:
    """Raises UnreadableEvent."""
    try:
        return _order(data)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnreadableEvent("This is not an order of destruction", at="data") from None


def read_proof(data: bytes) -> Proof:
    """Raises UnreadableEvent."""
    try:
        return _proof(data)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnreadableEvent("This is not a proof of destruction", at="data") from None


def told(topic: str, order: Order) -> Outgoing:
    """The order as it travels."""
    key = order.patients[0]
    return Outgoing(topic, key, _event("fvm/information", topic, order.at, _encode(order), key))


def answered(topic: str, order: Order, proof: Proof) -> Outgoing:
    """The service's answer, on a topic of its own."""
    key = order.patients[0]
    return Outgoing(topic, key, _event(f"fvm/{proof.copy}", topic, proof.at, _encode(proof), key))


def telling(topic: str) -> Answer:
    """Answers by an event."""

    async def tell(con: Connection, order: Order, proof: Proof) -> None:
        await emit_raw(con, [answered(topic, order, proof)])

    return tell


async def note(con: Connection, order: Order) -> bool:
    """In the list of what this database must do; False when it stands there."""
    new = await con.fetchval(
        "insert into erasure_task(id, value) values ($1, $2) on conflict do nothing returning 1",
        uuid.UUID(order.id), _encode(order),
    )  # fmt: skip
    return new is not None


class Eraser:
    """Carries out the orders of one database, one after the other."""

    name = "destruction by order"

    def __init__(
        self,
        db: Database,
        service: str,
        destroy: Destroy,
        owners: Owners,
        ring: Callable[[], Keyring | None],
        answer: Answer,
        wake: Callable[[], None],
    ) -> None:
        self._db, self._service, self._wake = db, service, wake
        self._destroy, self._owners, self._ring, self._answer = destroy, owners, ring, answer
        self._turns = Turns(db, _LOCK, self.once, slowest=_SLOWEST)

    def wake(self) -> None:
        """An order was written down in this process."""
        self._turns.wake()

    def handlers(self) -> Mapping[str, Handler]:
        """By topic: an order is written down; the loop does it."""

        async def heard(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
            con = await driver(tx)
            for event in events:
                await note(con, read_order(event.data))
            self.wake()

        return {ORDERED: heard}

    async def run(self) -> None:
        """A loop of the worker; raises what the database raises (the supervisor starts it again)."""
        await self._turns.run()

    async def before_serving(self) -> None:
        """Orders that are newer than a backup which was restored: nobody is served before they are done again."""
        connection = await self._db.connect()
        try:
            while row := await connection.fetchrow(f"{_OPEN} and restored order by at limit 1"):
                await self._finish(connection, _order(row["value"]))
        finally:
            await connection.close()

    async def once(self, con: asyncpg.Connection) -> int:
        """One step of the oldest order that is not done. 0: nothing to do now."""
        row = await con.fetchrow(f"{_OPEN} order by at limit 1")
        if row is None:
            return 0
        order = _order(row["value"])
        if row["retired_at"] is None:
            await self._begin(con, order)
            return 1
        if not row["restored"]:
            if not await _quiet(con, row["retired_at"] + _PATIENCE):
                return 0
            if await self._unretired(con, order):  # of what was being stored when the order was taken up
                await self._begin(con, order)
                return 1
        await self._finish(con, order)
        return 1

    async def _unretired(self, con: Connection, order: Order) -> bool:
        ring = self._ring()
        return ring is not None and await ring.unretired(con, await self._owners(con, order), order.at)

    async def _begin(self, con: Connection, order: Order) -> None:
        """From now on what is written is sealed with another key."""
        ring = self._ring()
        async with con.transaction():
            if ring is not None:
                await ring.retire(con, await self._owners(con, order))
            await con.execute(
                "update erasure_task set retired_at = clock_timestamp() where id = $1", uuid.UUID(order.id)
            )

    async def _finish(self, con: Connection, order: Order) -> None:
        ring = self._ring()
        keys: list[int] = []
        async with con.transaction():
            if ring is not None:
                keys = await ring.doomed(con, await self._owners(con, order), order.at + _PATIENCE)
            removed, left = await self._destroy(con, order, keys)
            if left:
                raise RuntimeError("an order of destruction left something behind")  # nothing is committed; tried again
            if ring is not None:
                await ring.destroy(con, keys)
            proof = Proof(order.id, self._service, datetime.now(UTC), removed, left, [str(key) for key in keys])
            await con.execute(
                "update erasure_task set done_at = clock_timestamp(), restored = false, proof = $2 where id = $1",
                uuid.UUID(order.id), _encode(proof),
            )  # fmt: skip
            await self._answer(con, order, proof)
        log.info("destroyed by order", count=sum(removed.values()))
        self._wake()


async def _quiet(con: Connection, until: datetime) -> bool:
    """Whether every transaction that had begun by then has ended."""
    if await con.fetchval("select clock_timestamp() <= $1", until):
        return False
    oldest = await con.fetchval(_OLDEST)
    return oldest is None or oldest > until


def _event(source: str, type: str, at: datetime, data: bytes, key: str) -> CloudEvent:
    return CloudEvent(id=str(uuid.uuid4()), source=source, type=type, time=at, data=data, key=key, subject=key)


def plain(proof: Proof) -> dict[str, Any]:
    """As an answer shows it."""
    found: dict[str, Any] = msgspec.to_builtins(proof)
    return found
