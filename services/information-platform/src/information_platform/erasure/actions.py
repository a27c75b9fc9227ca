"""Orders of destruction: asked for, confirmed by another, told to every copy, and their answers kept (REC-05, REC-06)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from information_platform.access.model import NoSuchPatient
from information_platform.access.store import ids_of
from information_platform.erasure import past, store
from information_platform.erasure.model import (
    COPIES,
    AlreadySettled,
    CopyOut,
    NoSuchOrder,
    NotTheirs,
    OrderIn,
    OrderOut,
    SamePerson,
    ordering,
    state_of,
)
from kit import erasing
from kit.caller import Caller
from kit.db import Connection
from kit.erasing import Order, Proof
from kit.outbox import emit_raw
from kit.problems import Kind, Problem

ORDERED = "information.erasure-ordered.v1"
_PATIENT = TYPES["Patient"].number
_THEIRS = """
select w.name from unnest($1::bigint[], $2::text[]) as w(key, name) where not exists (
    select from res r where r.key = w.key and (r.pat = any($3::bigint[]) or r.key = any($3::bigint[])))
and not exists (select from hist h where h.key = w.key and h.pat = any($3::bigint[]))"""
_TEXTS = {
    "vis": "Vårdsystemet",
    "information": "Regionens journal",
    "exchange": "Meddelanden från andra system",
    "application": "Patientens egna meddelanden, värden och formulär",
    "kafka": "Strömmen",
}

_BACKUPS = CopyOut(
    copy_of="backups",
    state="applied",
    text="Säkerhetskopior från före beslutet: beslutet utförs igen innan en återläst kopia används.",
)


def _nobody() -> None:
    """Nothing waits."""


@dataclass(slots=True)
class Orders:
    """The owner of orders; `wake` is told when this service itself has something to destroy."""

    engine: Engine
    wake: Callable[[], None] = _nobody

    async def ask(self, caller: Caller, asked: OrderIn) -> OrderOut:
        """Nothing is destroyed yet. Raises NotYourOrder, NoSuchPatient, NotTheirs, AlreadySettled."""
        commission = await self._may(caller, asked.patient)
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                ids = await ids_of(con, asked.patient)
                if not ids:
                    raise NoSuchPatient
                await self._theirs(con, asked.resources, ids)
                if await store.add(con, asked, caller, commission.provider):
                    value = {"by": caller.subject, "resources": asked.resources, "decision": asked.decision}
                    await store.happened(con, asked.id, "asked", {**value, "patient": asked.patient})
                row = await store.load(con, asked.id)
                if row["patient"] != asked.patient or row["asked_by"] != caller.subject:  # type: ignore[index]
                    raise AlreadySettled("Another order has this id")
                await self._log(con, caller, asked.patient)
            self.engine.log.settled(con)
        return await self._out(row)

    async def confirm(self, caller: Caller, id: UUID) -> OrderOut:
        """The second person; from here on it cannot be undone. Raises NotYourOrder, NoSuchOrder, SamePerson, AlreadySettled."""
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                row = await self._held(con, caller, id)
                if row["asked_by"] == caller.subject:
                    raise SamePerson
                ids, at = await ids_of(con, row["patient"]) or [row["patient"]], datetime.now(UTC)
                order = Order(str(id), at, ids, list(row["resources"]), await _identifiers(con, ids))
                await store.confirmed(con, id, caller, ids, at)
                await store.happened(
                    con, id, "confirmed", {"by": caller.subject, "patients": ids, "at": at.isoformat()}
                )
                await past.remember(con, order)
                await erasing.note(con, order)
                await emit_raw(con, [erasing.told(ORDERED, order)])
                await self._log(con, caller, row["patient"])
            self.engine.log.settled(con)
            row = await store.load(con, id)
        self.engine.wake()
        self.wake()
        return await self._out(row)

    async def withdraw(self, caller: Caller, id: UUID) -> OrderOut:
        """Before it is confirmed, by either. Raises NotYourOrder, NoSuchOrder, AlreadySettled."""
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                row = await self._held(con, caller, id)
                await store.withdrawn(con, id, caller)
                await store.happened(con, id, "withdrawn", {"by": caller.subject})
                await self._log(con, caller, row["patient"])
            self.engine.log.settled(con)
            row = await store.load(con, id)
        return await self._out(row)

    async def answered(self, con: Connection, proof: Proof) -> None:
        """A copy says what it did. Told twice, true once."""
        id, what = UUID(proof.order), f"done:{proof.copy}"
        if await store.load(con, id, hold=True) is None or any(
            one["what"] == what for one in await store.acts(con, id)
        ):
            return
        await store.happened(con, id, what, erasing.plain(proof))
        if await store.finish(con, id, COPIES):
            await store.happened(con, id, "complete", {})

    async def done_here(self, con: Connection, _order: Order, proof: Proof) -> None:
        """What this service itself destroyed needs no way to be heard."""
        await self.answered(con, proof)

    async def listed(self, caller: Caller) -> list[OrderOut]:
        """Those of the caller's care provider, newest first, without what became of them."""
        commission = await self._may(caller, "")
        rows = await store.listed(self.engine.db.pool, commission.provider)
        about = [(self.engine.keys.of(f"Patient/{row['patient']}"), _PATIENT, 0) for row in rows]
        await self._note(Entry(caller, "erasure", sorted(set(about)), len(rows)))
        return [_plain(row) for row in rows]

    async def shown(self, caller: Caller, id: UUID) -> OrderOut:
        """One with its copies and proof. Raises NotYourOrder, NoSuchOrder."""
        commission = await self._may(caller, "")
        row = await store.load(self.engine.db.pool, id)
        if row is None or row["provider"] != commission.provider:
            raise NoSuchOrder
        await self._note(Entry(caller, "erasure", [(self.engine.keys.of(f"Patient/{row['patient']}"), _PATIENT, 0)], 1))
        return await self._out(row)

    async def for_operators(self) -> list[dict[str, Any]]:
        """State only: ids of orders, never of patients."""
        rows = await store.listed(self.engine.db.pool, None)
        shown = [await self._out(row) for row in rows]
        wanted = {"id", "state", "asked_at", "confirmed_at", "done_at", "copies", "proof", "unbroken"}
        return [one.model_dump(mode="json", include=wanted) for one in shown]

    async def _held(self, con: Connection, caller: Caller, id: UUID) -> Any:
        """An order that waits for somebody's decision, locked."""
        commission = ordering(caller)
        row = await store.load(con, id, hold=True)
        if row is None or row["provider"] != commission.provider:
            raise NoSuchOrder
        if state_of(row) != "asked":
            raise AlreadySettled
        return row

    async def _may(self, caller: Caller, patient: str) -> Any:
        try:
            return ordering(caller)
        except Problem as problem:
            if problem.kind is Kind.FORBIDDEN:
                about = [(self.engine.keys.of(f"Patient/{patient}"), _PATIENT, 0)] if patient else []
                await self._note(Entry(caller, "denied", about, 0, args=problem.code))
            raise

    async def _theirs(self, con: Connection, resources: Sequence[str], ids: Sequence[str]) -> None:
        of = self.engine.keys.of
        keys, patients = [of(name) for name in resources], [of(f"Patient/{id}") for id in ids]
        strange = await con.fetch(_THEIRS, keys, list(resources), patients)
        if strange:
            raise NotTheirs(", ".join(row["name"] for row in strange)[:200], at="resources")

    async def _log(self, con: Connection, caller: Caller, patient: str) -> None:
        if self.engine.mount.logged:
            about = [(self.engine.keys.of(f"Patient/{patient}"), _PATIENT, 0)]
            await self.engine.log.append(con, [Entry(caller, "erasure", about, 1)])

    async def _note(self, entry: Entry) -> None:
        if self.engine.mount.logged and (entry.about or entry.activity == "denied"):
            await self.engine.together.write(entry)

    async def _out(self, row: Any) -> OrderOut:
        pool = self.engine.db.pool
        acts = await store.acts(pool, row["id"])
        out = _plain(row)
        out.proof = acts[-1]["hash"].hex() if acts else ""
        out.unbroken = await store.unbroken(pool)
        if row["confirmed_at"] is not None:
            answers = {one["what"].removeprefix("done:"): msgspec.json.decode(one["value"]) for one in acts}
            out.copies = [_copy(name, answers.get(name)) for name in COPIES] + [_BACKUPS]
        return out


async def _identifiers(con: Connection, ids: Sequence[str]) -> list[dict[str, str]]:
    rows = await con.fetch(
        "select system, value from person_identifier where person = any($1::text[]) order by system, value", list(ids)
    )
    return [{"system": row["system"], "value": row["value"]} for row in rows]


def _plain(row: Any) -> OrderOut:
    known = {name: row[name] for name in OrderOut.model_fields if name in row}
    return OrderOut(**known, state=state_of(row))


def _copy(name: str, proof: Any | None) -> CopyOut:
    if proof is None and name == "kafka":
        text = f"{_TEXTS[name]}: genomsöks när alla tjänster är klara. Oförseglade meddelanden tas bort efter 14 dagar."
        return CopyOut(copy_of=name, state="waiting", text=text)
    if proof is None:
        return CopyOut(copy_of=name, state="waiting", text=f"{_TEXTS[name]}: väntar.")
    if name == "kafka":
        looked = proof["removed"].pop("looked at", 0)
        text = f"{_TEXTS[name]}: {looked} meddelanden genomsökta, inget går att läsa om det som förstördes."
    else:
        text = f"{_TEXTS[name]}: förstört {sum(proof['removed'].values())} rader, {proof['left']} kvar."
    more = {key: proof[key] for key in ("at", "removed", "left", "keys")}
    return CopyOut(copy_of=name, state="done", text=text, **more)
