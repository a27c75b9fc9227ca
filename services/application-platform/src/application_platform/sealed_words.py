"""What patients and units write here rests sealed with the patient's key (D8): `sealed` has all that the other columns said.

A transaction knows the keys of its database, so that the stores need not be handed them. Without a master key nothing is sealed,
and the columns say it themselves, as they did before there were keys.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Connection, Database, driver
from kit.keyring import Keyring
from kit.sealing import SEALED, DataKey, key_of

_OPTION = "fvm_keys"
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_AT_ONCE = 200  # rows sealed in one transaction

# By table: the columns that say something.
SAYS: Mapping[str, tuple[str, ...]] = {
    "message_thread": ("patient_name", "subject", "about"),
    "message": ("body",),
    "own_entry": ("numbers", "note"),
    "health_form": ("answers",),
}
_PATIENT = {
    "message": "(select t.patient from message_thread t where t.id = r.thread)",
}


def give(db: Database, ring: Keyring | None) -> None:
    """From now on transactions of this database seal with these keys."""
    db.engine = db.engine.execution_options(**{_OPTION: ring})


def ring_of(tx: AsyncConnection) -> Keyring | None:
    con = tx.sync_connection
    assert con is not None
    found: Keyring | None = con.get_execution_options().get(_OPTION)
    return found


def owner(patient: str) -> int:
    """What the keyring knows a patient by."""
    return _number(f"Patient/{patient}") >> 1 or 1


async def hidden(tx: AsyncConnection, table: str, patient: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row's columns as they will rest. Give all of the table's `SAYS` or none: those that are not given keep what they were."""
    ring = ring_of(tx)
    if ring is None or not ring.seals:
        return dict(values)
    number = owner(patient)
    return under((await ring.current([number]))[number], table, values)


async def shown(tx: AsyncConnection, table: str, rows: Sequence[Any]) -> list[Any]:
    """Rows with their words in the columns again. Raises Erased where a key is destroyed."""
    return await opened(ring_of(tx), await driver(tx), table, [row._mapping for row in rows])


async def seal_again(con: Connection, ring: Keyring, patients: Sequence[str], doomed: Sequence[int]) -> int:
    """What stays of these patients although its key goes, under a new one; how many rows."""
    count, number = 0, owner(patients[0])
    for table in SAYS:
        rows = await con.fetch(
            f"select r.* from {table} r where get_byte(r.sealed, 0) = {SEALED} and {_of(table)} = any($1::text[])"
            " for update of r",
            list(patients),
        )
        left = [row for row in rows if key_of(row["sealed"]) in doomed]
        if not left:
            continue
        key = (await ring.current([number]))[number]
        for row in await opened(ring, con, table, left):
            again = under(key, table, vars(row))["sealed"]
            await con.execute(f"update {table} set sealed = $2 where id = $1", row.id, again)
        count += len(left)
    return count


async def seal_what_was_before(db: Database, ring: Keyring | None) -> int:
    """One round over what was written before there were keys; how many rows were sealed."""
    if ring is None or not ring.seals:
        return 0
    count = 0
    for table, names in SAYS.items():
        async with db.pool.acquire() as con, con.transaction():
            rows = await con.fetch(
                f"select r.*, {_of(table)} as whose from {table} r where r.sealed is null order by r.id limit {_AT_ONCE}"
                " for update of r skip locked"
            )
            keys = await ring.current({owner(row["whose"]) for row in rows})
            empty = ", ".join(f"{name} = default" for name in names)
            for row in rows:
                sealed = under(keys[owner(row["whose"])], table, _plain(table, row))["sealed"]
                await con.execute(f"update {table} set sealed = $2, {empty} where id = $1", row["id"], sealed)
        count += len(rows)
    return count


async def opened(ring: Keyring | None, con: Connection, table: str, rows: Sequence[Any]) -> list[Any]:
    """Rows (mappings of the table's columns) as objects, with their words. Raises Erased where a key is destroyed."""
    if ring is not None:
        await ring.ready(con, [row["sealed"] for row in rows])
    found = []
    for row in rows:
        values = dict(row)
        sealed = values.pop("sealed")
        if sealed is not None:
            assert ring is not None, "what is sealed cannot be read without the master key"
            values |= _decode(ring.held(key_of(sealed)).opened(bytes(sealed), _place(table, values["id"])))
        found.append(SimpleNamespace(**values))
    return found


def under(key: DataKey, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a row, `id` among them, with the words in `sealed` and empty where they were."""
    names = [name for name in SAYS[table] if name in values]
    if not names:
        return dict(values)
    said = {name: values[name] for name in names}
    empty = {name: {} if isinstance(said[name], Mapping) else "" for name in names}
    return {**values, **empty, "sealed": key.seal(_encode(said), _place(table, values["id"]))}


def _plain(table: str, row: Any) -> dict[str, Any]:
    """What asyncpg gives; JSON comes as text."""
    values = dict(row)
    for name in SAYS[table]:
        if name in ("numbers", "answers"):
            values[name] = msgspec.json.decode(values[name])
    return values


def _of(table: str) -> str:
    return _PATIENT.get(table, "r.patient")


def _place(table: str, id: UUID) -> int:
    return _number(f"{table}/{id}")


def _number(name: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(name.encode(), digest_size=8, person=b"fvm words").digest(), "big", signed=True
    )
