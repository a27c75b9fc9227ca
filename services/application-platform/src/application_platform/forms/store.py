"""How forms rest: one in progress per patient and form, saved over and over, then sent once."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.forms.model import Answers, Filled, Stale, Submitted
from application_platform.sealed_words import hidden, shown

_moment = sa.TIMESTAMP(timezone=True)
metadata = sa.MetaData()
form_table = sa.Table(
    "health_form",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("patient", sa.Text),
    sa.Column("form", sa.Text),
    sa.Column("answers", pg.JSONB),
    sa.Column("version", sa.Integer),
    *(sa.Column(name, sa.Text) for name in ("by_id", "by_name", "by_role")),
    sa.Column("changed_at", _moment),
    sa.Column("submitted_at", _moment),
    sa.Column("sealed", sa.LargeBinary),
)
_OF_FORM = [column.name for column in form_table.c if column.name != "sealed"]


async def find(tx: AsyncConnection, patient: str, id: UUID) -> Filled | None:
    """This patient's form by its id."""
    mine = (form_table.c.id == id) & (form_table.c.patient == patient)
    return await _one(tx, sa.select(form_table).where(mine))


async def draft(tx: AsyncConnection, patient: str, form: str) -> Filled | None:
    """What is in progress."""
    table = form_table.c
    where = (table.patient == patient) & (table.form == form) & table.submitted_at.is_(None)
    return await _one(tx, sa.select(form_table).where(where))


async def begun(tx: AsyncConnection, patient: str) -> bool:
    """Whether any form is in progress; what stands in it is not read."""
    where = (form_table.c.patient == patient) & form_table.c.submitted_at.is_(None)
    return bool(await tx.scalar(sa.select(sa.exists().where(where))))


async def listed(tx: AsyncConnection, patient: str) -> list[Filled]:
    """The patient's forms, latest first."""
    query = sa.select(form_table).where(form_table.c.patient == patient).order_by(form_table.c.changed_at.desc())
    return await _all(tx, query.limit(50))


async def save(tx: AsyncConnection, wanted: Filled, *, send: bool, at: datetime) -> Filled:
    """Saves what was filled in on top of `wanted.version`, and sends it when `send`.

    Sent twice with the same answers, it is sent once. Raises Stale when somebody saved in between, Submitted after sending.
    """
    known = await _held(tx, wanted)
    if known is None:
        return await _first(tx, wanted, at if send else None)
    if known.submitted_at is not None:
        if dict(known.answers) == dict(wanted.answers) and send:
            return known
        raise Submitted
    if known.version != wanted.version and dict(known.answers) != dict(wanted.answers):
        raise Stale
    return await _over(tx, known, wanted, at if send else None)


async def _held(tx: AsyncConnection, wanted: Filled) -> Filled | None:
    """The form as it rests, kept from others until this transaction ends. Another draft of the form counts as somebody's save."""
    table = form_table.c
    same = (table.id == wanted.id) & (table.patient == wanted.patient)
    other = (table.patient == wanted.patient) & (table.form == wanted.form) & table.submitted_at.is_(None)
    found = await _all(tx, sa.select(form_table).where(same | other).with_for_update())
    mine = next((one for one in found if one.id == wanted.id), None)
    if mine is None and found:
        raise Stale
    return mine


async def _first(tx: AsyncConnection, wanted: Filled, sent: datetime | None) -> Filled:
    values = {name: getattr(wanted, name) for name in _OF_FORM} | {"version": 1, "submitted_at": sent}
    values = await hidden(tx, "health_form", wanted.patient, values)
    insert = pg.insert(form_table).values(values).on_conflict_do_nothing().returning(form_table)
    made = await _one(tx, insert)
    if made is None:  # somebody began the same form in the same moment
        raise Stale
    return made


async def _over(tx: AsyncConnection, known: Filled, wanted: Filled, sent: datetime | None) -> Filled:
    values: dict[str, Any] = {
        "id": known.id,
        "answers": dict(wanted.answers),
        "version": known.version + 1,
        "by_id": wanted.by_id,
        "by_name": wanted.by_name,
        "by_role": wanted.by_role,
        "changed_at": wanted.changed_at,
        "submitted_at": sent,
    }
    values = await hidden(tx, "health_form", known.patient, values)
    update = form_table.update().where(form_table.c.id == known.id).values(values).returning(form_table)
    [made] = await _all(tx, update)
    return made


async def _one(tx: AsyncConnection, query: Any) -> Filled | None:
    return next(iter(await _all(tx, query)), None)


async def _all(tx: AsyncConnection, query: Any) -> list[Filled]:
    return [_filled(row) for row in await shown(tx, "health_form", (await tx.execute(query)).all())]


def _filled(row: Any) -> Filled:
    answers: Answers = row.answers
    found = {name: getattr(row, name) for name in _OF_FORM}
    return Filled(**{**found, "answers": answers})
