"""The translator: stored messages become record events, in order, several per transaction; what cannot is parked."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import structlog
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from integration_platform.events import owner_of, record_events
from integration_platform.hl7v2.message import Message
from integration_platform.messages.naming import persons_of
from integration_platform.receiving import cloudevents
from integration_platform.receiving.bodies import Bodies
from integration_platform.receiving.store import reason_of
from integration_platform.senders.model import UnregisteredSender
from integration_platform.senders.store import Register
from integration_platform.translate import fhir, hl7v2
from integration_platform.translate.model import Delete, Merge, Origin, Put, Translation
from kit import region
from kit.db import Database
from kit.outbox import LARGEST, Outgoing, TooLargeToTell, emit_raw
from kit.problems import Kind, Problem
from kit.sealed_events import sealed
from kit.telemetry import describe, enter_trace
from kit.turns import Turns

OLDEST = Gauge("exchange_oldest_waiting_seconds", "Age of the oldest message that is not translated yet")
SETTLED = Metric("exchange_settled", "Messages translated or parked", ("outcome",))

_LOCK = 0x6578630001  # advisory lock of this database: Exchange, translator
_AT_ONCE = 64  # messages of one transaction
_BREATH = 4  # messages between two looks at the event loop: acknowledgements go first
_SLOWEST = 0.5  # seconds between two looks
_LARGE = 32 * 1024  # bytes as stored; a larger message is translated beside the event loop
_YIELD = 0.03  # seconds given to the doors at each look while they are pressed

_TAKE = """
select m.id, m.at, m.door, m.sender, m.source, m.control_id, m.traceparent, m.ident, m.digest, m.body,
    w.again
from message_waiting w join message m using (id) order by w.id limit $1 for update of w skip locked"""
_TOLD = """
insert into message_told (id, transaction, resources, left_out)
select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[])"""
_PARKED = """
insert into message_parked (id, code, reason, location)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])"""

_NAMED = """
insert into message_person (person, message)
select * from unnest($1::text[], $2::bigint[]) on conflict do nothing"""
Told = tuple[int, uuid.UUID, str, str]  # message, transaction, resources, what was left out

log = structlog.get_logger(__name__)


class TranslatorFault(Problem):
    """Our own fault: the translator failed on a message nobody foresaw. Replay it when that has been mended."""

    kind = Kind.FAULT
    code = "exchange/translator-fault"
    title = "The translator failed on this message"


@dataclass(slots=True)
class Settled:
    """What became of some messages, to be written in one go."""

    outgoing: list[Outgoing] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    parked: list[tuple[int, str, str, str | None]] = field(default_factory=list)
    named: list[tuple[str, int]] = field(default_factory=list)  # person (a hash), message


class Translator:
    """One works per database; the rest stand by."""

    name = "translator"

    def __init__(
        self,
        db: Database,
        register: Register,
        bodies: Bodies,
        told: Callable[[], None],
        pressed: Callable[[], bool],
    ) -> None:
        self._db = db
        self._register, self._bodies = register, bodies
        self._told = told  # called after each commit: the relay may look
        self._pressed = pressed
        self._turns = Turns(db, _LOCK, self.once, slowest=_SLOWEST)
        self._hash_key, self._epoch = b"", 1

    def wake(self) -> None:
        self._turns.wake()

    async def run(self) -> None:
        """Until cancelled; raises what the database raises (the supervisor starts it again)."""
        await self.know()
        await self._turns.run()

    async def know(self) -> None:
        """What this database is: the key of its hashes, and its epoch."""
        async with self._db.transaction() as tx:
            found = await region.load(tx)
            self._hash_key, self._epoch = found.hash_key, found.epoch

    async def once(self, connection: asyncpg.Connection) -> int:
        """One transaction: take, translate, tell, settle. Returns how many messages."""
        async with connection.transaction():
            rows = await connection.fetch(_TAKE, _AT_ONCE)
            OLDEST.set((datetime.now(UTC) - rows[0]["at"]).total_seconds() if rows else 0)
            if not rows:
                return 0
            await self._bodies.ready(connection, rows)
            settled = await self._settle(rows)
            await emit_raw(connection, await sealed(self._bodies.ring, settled.outgoing, owner_of))
            await connection.execute(
                "delete from message_waiting where id = any($1::bigint[])", [row["id"] for row in rows]
            )
            if settled.told:
                await connection.execute(_TOLD, *(list(column) for column in zip(*settled.told, strict=True)))
            if settled.named:
                await connection.execute(_NAMED, *(list(column) for column in zip(*settled.named, strict=True)))
            if settled.parked:
                await connection.execute(_PARKED, *(list(column) for column in zip(*settled.parked, strict=True)))
        self._told()
        SETTLED.labels("translated").inc(len(settled.told))
        SETTLED.labels("parked").inc(len(settled.parked))
        return len(rows)

    async def _settle(self, rows: Sequence[asyncpg.Record]) -> Settled:
        settled = Settled()
        for nth, row in enumerate(rows):
            if nth % _BREATH == _BREATH - 1:
                await asyncio.sleep(_YIELD if self._pressed() else 0)
            try:
                large = len(row["body"]) > _LARGE
                told, outgoing, named = await asyncio.to_thread(self._said, row) if large else self._said(row)
                settled.told.append(told)
                settled.named += [(person, row["id"]) for person in named]
                settled.outgoing += outgoing
            except Problem as problem:
                settled.parked.append((row["id"], problem.code, reason_of(problem), problem.at))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not stop everyone else's messages
                log.error("translator fault", message=row["id"], error=describe(error))
                fault = TranslatorFault()
                settled.parked.append((row["id"], fault.code, fault.detail, None))
        return settled

    def _said(self, row: asyncpg.Record) -> tuple[Told, list[Outgoing], set[str]]:
        """What one message says, the events that tell it, and whom it names. Raises a Problem when that cannot be."""
        sender = self._register.by_id.get(row["sender"] or "")
        if sender is None:
            raise UnregisteredSender
        application, _, facility = row["source"].partition("|") if row["door"] == "mllp" else ("", "", "")
        origin = Origin(sender, application, facility, row["control_id"], row["id"], row["at"], row["again"])
        translations = translated(row["door"], self._bodies.opened(row), origin)
        transaction, trace = uuid.uuid4(), enter_trace(row["traceparent"])
        outgoing = [
            message
            for translation in translations
            for message in record_events(translation, origin, transaction, self._hash_key, trace, epoch=self._epoch)
        ]
        if any(len(message.event.data) > LARGEST for message in outgoing):
            raise TooLargeToTell
        told = (row["id"], transaction, _resources(translations), _left_out(translations))
        return told, outgoing, persons_of(translations, self._hash_key)


def translated(door: str, raw: bytes, origin: Origin) -> list[Translation]:
    """A stored message as what it says. Raises a Problem when that cannot be said."""
    if door == "mllp":
        return [hl7v2.translate(Message(raw, default_charset=origin.sender.charset), origin)]
    return fhir.translate(cloudevents.payload(cloudevents.read(raw)), origin)


def _resources(translations: Sequence[Translation]) -> str:
    """`Patient 1, Observation 12`."""
    found: Counter[str] = Counter()
    for translation in translations:
        for entry in translation.entries:
            found[_named(entry)] += 1
    return _counted(found)


def _named(entry: Put | Delete | Merge) -> str:
    if isinstance(entry, Put):
        return str(entry.resource["resourceType"])
    return "Merge" if isinstance(entry, Merge) else f"{entry.kind} deleted"


def _left_out(translations: Sequence[Translation]) -> str:
    found: Counter[str] = Counter()
    for translation in translations:
        found.update(translation.left)
    return _counted(found)


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items())
