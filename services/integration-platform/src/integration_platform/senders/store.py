"""How senders rest: a small table, kept in memory by every process and read again each second."""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from integration_platform.senders.model import Sender, Senders
from kit.db import Database
from kit.problems import Kind, Problem
from kit.telemetry import describe

log = structlog.get_logger(__name__)

_COLUMNS = tuple(field.name for field in fields(Sender))
_READ = ", ".join(
    f"host(network) || '/' || masklen(network) as {name}" if name == "network" else name for name in _COLUMNS
)


class SenderTaken(Problem):
    """A sender with this id, client, source, or place at an MLLP port exists."""

    kind = Kind.CONFLICT
    code = "exchange/sender-taken"
    title = "Another sender is registered with this id, or with the same door"


class NoSuchSender(Problem):
    """No sender has this id."""

    kind = Kind.NOT_FOUND
    code = "exchange/no-such-sender"
    title = "There is no such sender"


async def add(tx: AsyncConnection, sender: Sender) -> None:
    """Raises SenderTaken."""
    values = {name: getattr(sender, name) for name in _COLUMNS}
    placed = ", ".join(f"cast(:{name} as cidr)" if name == "network" else f":{name}" for name in _COLUMNS)
    try:
        await tx.execute(sa.text(f"insert into sender ({', '.join(_COLUMNS)}) values ({placed})"), values)
    except IntegrityError:
        raise SenderTaken from None


async def disable(tx: AsyncConnection, id: str) -> None:
    """Takes nothing from it any more; what it sent stays. Raises NoSuchSender."""
    found = await tx.execute(sa.text("update sender set disabled = true where id = :id"), {"id": id})
    if found.rowcount == 0:
        raise NoSuchSender


async def ensure(tx: AsyncConnection, sender: Sender) -> None:
    """Registers it unless it is (the demo sender of a demo region)."""
    values: Mapping[str, Any] = {name: getattr(sender, name) for name in _COLUMNS if name != "network"}
    names = ", ".join(values)
    await tx.execute(
        sa.text(
            f"insert into sender ({names}) values ({', '.join(f':{name}' for name in values)}) on conflict do nothing"
        ),
        values,
    )


async def listed(tx: AsyncConnection) -> list[Sender]:
    rows = await tx.execute(sa.text(f"select {_READ} from sender order by id"))
    return [Sender(**row._mapping) for row in rows]


class Register:
    """All senders, in memory; `now` is what the doors ask."""

    def __init__(self, db: Database, demo: Sender | None) -> None:
        self._db = db
        self._demo = demo
        self.now = Senders(demo=demo)
        self.by_id: dict[str, Sender] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Registers the demo sender in a demo region, reads everyone, and goes on reading."""
        if self._demo is not None:
            async with self._db.transaction() as tx:
                await ensure(tx, self._demo)
        await self.refresh()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self) -> None:
        """Reads everyone; called by whoever changed the register, and each second."""
        async with self._db.transaction() as tx:
            found = await listed(tx)
        self.by_id = {sender.id: sender for sender in found}
        self.now = Senders(tuple(found), self._demo)

    async def _run(self) -> None:
        """Another process may have registered someone. While the database is away, who was known is known."""
        while True:
            await asyncio.sleep(1)
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - the next second will tell
                log.warning("senders not read", error=describe(error))
