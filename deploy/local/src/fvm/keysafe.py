"""Keys and orders of destruction, saved apart from the data: a backup of the data alone says nothing about anybody (D8).

A folder of keys holds, for each service, its wrapped keys and the orders it must follow, and the master key. It is written anew
after each order; an older one is thrown away, and with it the keys that were destroyed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from fvm import databases
from fvm.memory import Memory
from fvm.places import Places

Tables = dict[str, list[dict[str, Any]]]
Saved = dict[str, Tables]  # by service

_EVERYWHERE = ("keys.data_key", "keys.shared", "erasure_task")
_OWNERS = ("erasure_order", "erasure_act", "erasure_past")  # of who owns orders
_OF: Mapping[str, tuple[str, ...]] = {
    "vis": _EVERYWHERE,
    "exchange": _EVERYWHERE,
    "application": _EVERYWHERE,
    "information": (*_EVERYWHERE, *_OWNERS),
}
_ABSENT = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)  # of a time before there were keys
MASTER = "master.key"


def beside(folder: Path) -> Path:
    """Where the keys of a backup lie when nobody says otherwise."""
    return folder.with_name(folder.name + ".keys")


async def read(admin: databases.Admin, memory: Memory, roles: Mapping[str, str]) -> Saved:
    """What the databases hold now; those that hold nothing of the kind are left out."""
    found: Saved = {}
    for name in _OF.keys() & roles.keys():
        connection = await databases.connect(admin.url_for(roles[name], memory.password(roles[name])))
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                found[name] = {table: await _rows(connection, table) for table in _OF[name]}
        except _ABSENT:
            continue
        finally:
            await connection.close()
    return found


async def _rows(connection: asyncpg.Connection, table: str) -> list[dict[str, Any]]:
    return [json.loads(row[0]) for row in await connection.fetch(f"select to_jsonb(t)::text from {table} t")]


def save(folder: Path, saved: Saved, places: Places) -> None:
    """Writes the folder anew: what it held before is gone when this returns."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, tables in saved.items():
        _write(folder / f"{name}.json", json.dumps(tables).encode())
    if places.master_key.exists():
        _write(folder / MASTER, places.master_key.read_bytes())


def load(folder: Path) -> Saved:
    """What a folder of keys holds; nothing where it is not there."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def _write(file: Path, content: bytes) -> None:
    """Over what was there, so that no copy of it is left in the folder."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)


def still_in(folder: Path, now: Saved) -> list[str]:
    """Keys that are destroyed by now and that this folder still holds, `service/id`: what was sealed with them can be read by
    whoever has the folder."""
    gone = {(name, row["id"]) for name, tables in now.items() for row in tables["keys.data_key"] if not row["wrapped"]}
    held = load(folder)
    return sorted(
        f"{name}/{row['id']}"
        for name, tables in held.items()
        for row in tables["keys.data_key"]
        if row["wrapped"] and (name, row["id"]) in gone
    )


def together(several: Iterable[Saved]) -> Saved:
    """The newest truth of several folders and databases: a key that is destroyed in one of them is destroyed."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for saved in several:
        for name, tables in saved.items():
            for table, rows in tables.items():
                known = found.setdefault(name, {}).setdefault(table, {})
                for row in rows:
                    key = _key(table, row)
                    if key not in known or _further(row, known[key]):
                        known[key] = row
    return {name: {table: list(rows.values()) for table, rows in tables.items()} for name, tables in found.items()}


_KEYS = {"keys.shared": ("owner", "key"), "erasure_act": ("seq",), "erasure_past": ("name",)}


def _key(table: str, row: Mapping[str, Any]) -> str:
    return "|".join(str(row[column]) for column in _KEYS.get(table, ("id",)))


def _further(row: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether more has happened to a row: destroyed, done, withdrawn, confirmed, or it reaches further."""
    steps = ("destroyed_at", "done_at", "withdrawn_at", "confirmed_at", "retired_at", "until")
    return any((row.get(step) or "") > (known.get(step) or "") for step in steps)


async def give_back(connection: asyncpg.Connection, name: str, saved: Saved) -> int:
    """Into a restored database, in the caller's transaction: its keys without those that are destroyed, what became of orders,
    and every order that this database does not know of as done, to be carried out before anybody is served. How many."""
    mine = saved.get(name)
    if mine is None:
        return 0
    for table in _OF[name]:
        if table not in ("erasure_task", "erasure_act"):
            await _put(connection, table, mine[table])
    if name == "information":
        await _put(connection, "erasure_act", mine["erasure_act"], over=False)
    open_now = 0
    for task in _tasks(saved):
        done = await connection.fetchval("select done_at is not null from erasure_task where id = $1::uuid", task["id"])
        if not done:
            task = {**task, "restored": True, "done_at": None, "proof": None}
            task["retired_at"] = task["retired_at"] or datetime.now(UTC).isoformat()
            await _put(connection, "erasure_task", [task])
            open_now += 1
    return open_now


def _tasks(saved: Saved) -> list[dict[str, Any]]:
    """Every order that any service knows of, oldest first."""
    every = {task["id"]: task for tables in saved.values() for task in tables["erasure_task"]}
    return sorted(every.values(), key=lambda task: str(task["at"]))


async def _put(connection: asyncpg.Connection, table: str, rows: list[dict[str, Any]], *, over: bool = True) -> None:
    """Rows as `read` gave them, in the place of those with the same key (`over`), or only where there is none."""
    columns = _KEYS.get(table, ("id",))
    if over and rows:
        match = " and ".join(f"t.{column} = n.{column}" for column in columns)
        await connection.execute(
            f"delete from {table} t using jsonb_populate_recordset(null::{table}, $1::jsonb) n where {match}",
            json.dumps(rows),
        )
    await connection.execute(
        f"insert into {table} select * from jsonb_populate_recordset(null::{table}, $1::jsonb) on conflict do nothing",
        json.dumps(rows),
    )
