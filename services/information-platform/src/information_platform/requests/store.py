"""How requests rest: what is said in them sealed with the patient's key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from fhirserver.engine import Engine
from fhirserver.erasing import owners, sealed_with
from information_platform.requests.model import RequestIn, RequestOut, state_of
from kit.caller import Caller
from kit.db import Connection, Pool
from kit.erasing import Order

_MOST = 200
_INSERT = """
insert into patient_request (id, patient, kind, provider, unit, about, said, asked_by)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing returning 1"""


class _Said(msgspec.Struct):
    """What is sealed of a request."""

    text: str
    by: str = ""
    answer: str = ""
    answered_by: str = ""


_said = msgspec.json.Decoder(_Said).decode


async def add(engine: Engine, con: Connection, patient: str, asked: RequestIn, caller: Caller) -> bool:
    """False when a request with this id stands."""
    said = await _packed(engine, con, asked.id, patient, _Said(asked.text, caller.name))
    values = (asked.id, patient, asked.kind, asked.provider, asked.unit, asked.about, said, caller.subject)
    return await con.fetchval(_INSERT, *values) is not None


async def load(con: Pool | Connection, id: UUID, *, hold: bool = False) -> Any | None:
    return await con.fetchrow("select * from patient_request where id = $1" + (" for update" if hold else ""), id)


async def of_patient(con: Pool | Connection, ids: Sequence[str]) -> Sequence[Any]:
    """Newest first."""
    return await con.fetch(
        f"select * from patient_request where patient = any($1::text[]) order by asked_at desc, id limit {_MOST}",
        list(ids),
    )


async def open_at(con: Pool | Connection, provider: str) -> Sequence[Any]:
    """Those that wait for a care provider, longest first."""
    return await con.fetch(
        "select * from patient_request where provider = $1 and answered_at is null and withdrawn_at is null"
        f" order by asked_at, id limit {_MOST}", provider,
    )  # fmt: skip


async def answer(engine: Engine, con: Connection, row: Any, outcome: str, text: str, caller: Caller) -> None:
    await engine.codec.ready(con, [row["said"]])
    said = msgspec.structs.replace(_opened(engine, row), answer=text, answered_by=caller.name)
    packed = await _packed(engine, con, row["id"], row["patient"], said)
    await con.execute(
        "update patient_request set said = $2, outcome = $3, answered_by = $4, answered_at = clock_timestamp() where id = $1",
        row["id"], packed, outcome, caller.subject,
    )  # fmt: skip


async def withdraw(con: Connection, id: UUID) -> None:
    await con.execute("update patient_request set withdrawn_at = clock_timestamp() where id = $1", id)


async def shown(engine: Engine, con: Pool | Connection, rows: Sequence[Any]) -> list[RequestOut]:
    """With what they say. Raises Erased where a key is destroyed."""
    await engine.codec.ready(con, [row["said"] for row in rows])
    return [_out(engine, row) for row in rows]


async def destroy(engine: Engine, con: Connection, order: Order, doomed: Sequence[int]) -> int:
    """What an order takes; requests of later get another key. How many went."""
    gone = "0"
    if not order.resources:
        gone = await con.execute(
            "delete from patient_request where patient = any($1::text[]) and asked_at <= $2", order.patients, order.at
        )
    rows = await con.fetch("select * from patient_request where patient = any($1::text[])", order.patients)
    ring = engine.codec.ring
    if ring is not None and (left := [row for row in rows if sealed_with(row["said"], doomed)]):
        owner = owners(engine, order)[0]
        key = (await ring.current([owner]))[owner]
        await engine.codec.ready(con, [row["said"] for row in left])
        for row in left:
            said = engine.codec.sealed_again(row["said"], _place(engine, row["id"]), key)
            await con.execute("update patient_request set said = $2 where id = $1", row["id"], said)
    return int(gone.split()[-1])


def _out(engine: Engine, row: Any) -> RequestOut:
    said = _opened(engine, row)
    known = {
        name: row[name] for name in ("id", "patient", "kind", "provider", "unit", "about", "outcome", "answered_at")
    }
    told = {"text": said.text, "by": said.by, "answer": said.answer, "answered_by": said.answered_by}
    return RequestOut(**known, **told, at=row["asked_at"], state=state_of(row))


def _opened(engine: Engine, row: Any) -> _Said:
    return _said(engine.codec.unpack(row["said"], _place(engine, row["id"])))


async def _packed(engine: Engine, con: Connection, id: UUID, patient: str, said: _Said) -> bytes:
    owner = engine.keys.of(f"Patient/{patient}")
    return await engine.codec.pack_for(con, msgspec.json.encode(said), [owner], _place(engine, id))


def _place(engine: Engine, id: UUID) -> int:
    return engine.keys.of(f"patient_request/{id}")
