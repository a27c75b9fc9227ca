"""How a patient's own entries rest: added, marked as withdrawn, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.messages.model import IdTaken
from application_platform.own.model import Entry

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
)


async def add(tx: AsyncConnection, entry: Entry) -> None:
    """Sent twice, written once. Raises IdTaken when the id is of something else."""
    values = {column.name: getattr(entry, column.name) for column in entry_table.c}
    insert = pg.insert(entry_table).values(values).on_conflict_do_nothing().returning(entry_table.c.id)
    if (await tx.execute(insert)).first() is None:
        row = (await tx.execute(sa.select(entry_table).where(entry_table.c.id == entry.id))).one()
        known = _entry(row)
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
    return [_entry(row) for row in rows.all()]


def _entry(row: Any) -> Entry:
    return Entry(**{column.name: getattr(row, column.name) for column in entry_table.c})
