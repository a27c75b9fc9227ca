"""How a patient's own entries rest: added, marked as withdrawn, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.messages.model import IdTaken
from application_platform.own.model import Entry
from application_platform.sealed_words import hidden, shown

_MOST = 500  # entries of one page
_moment = sa.TIMESTAMP(timezone=True)
metadata = sa.MetaData()
entry_table = sa.Table(
    "own_entry",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("patient", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("numbers", pg.JSONB),
    sa.Column("note", sa.Text),
    sa.Column("at", _moment),
    *(sa.Column(name, sa.Text) for name in ("by_id", "by_name", "by_role")),
    sa.Column("made_at", _moment),
    sa.Column("withdrawn_at", _moment),
    sa.Column("sealed", sa.LargeBinary),
)
_OF_ENTRY = [column.name for column in entry_table.c if column.name != "sealed"]


async def add(tx: AsyncConnection, entry: Entry) -> None:
    """Sent twice, written once. Raises IdTaken when the id is of something else."""
    values = await hidden(tx, "own_entry", entry.patient, {name: getattr(entry, name) for name in _OF_ENTRY})
    insert = pg.insert(entry_table).values(values).on_conflict_do_nothing().returning(entry_table.c.id)
    if (await tx.execute(insert)).first() is None:
        rows = (await tx.execute(sa.select(entry_table).where(entry_table.c.id == entry.id))).all()
        [known] = [_entry(row) for row in await shown(tx, "own_entry", rows)]
        if (known.patient, known.kind, dict(known.numbers), known.note) != (
            entry.patient, entry.kind, dict(entry.numbers), entry.note,
        ):  # fmt: skip
            raise IdTaken


async def withdraw(tx: AsyncConnection, patient: str, id: UUID, at: datetime) -> bool:
    """Marks an entry of this patient as withdrawn; False where there is none such. It stays, struck through."""
    table = entry_table.c
    mine = (table.id == id) & (table.patient == patient)
    done = await tx.execute(
        entry_table.update().where(mine).values(withdrawn_at=sa.func.coalesce(table.withdrawn_at, at))
    )
    return bool(done.rowcount)


async def listed(tx: AsyncConnection, patient: str) -> list[Entry]:
    """Every entry, newest first."""
    query = sa.select(entry_table).where(entry_table.c.patient == patient)
    rows = await tx.execute(query.order_by(entry_table.c.at.desc(), entry_table.c.id).limit(_MOST))
    return [_entry(row) for row in await shown(tx, "own_entry", rows.all())]


def _entry(row: Any) -> Entry:
    return Entry(**{name: getattr(row, name) for name in _OF_ENTRY})
