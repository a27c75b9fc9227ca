"""How people and their commissions rest."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.model import Assignment, Person
from kit.caller import Commission
from kit.problems import Kind, Problem

metadata = sa.MetaData()

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("short_name", sa.Text),
    sa.Column("personnummer", sa.Text),
    sa.Column("demo", sa.Boolean, nullable=False),
)

commission = sa.Table(
    "commission",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("unit_name", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("rights", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("valid_to", sa.TIMESTAMP(timezone=True)),
)


class PersonNotFound(Problem):
    """Nobody has this id or short name."""

    kind = Kind.NOT_FOUND
    code = "application/person-not-found"
    title = "There is no such person"


def _person(row: Any) -> Person:
    return Person(row.id, row.kind, row.name, row.title, row.short_name)


def _assignment(row: Any) -> Assignment:
    works_for = Commission(
        id=row.id,
        unit=row.unit,
        unit_name=row.unit_name,
        provider=row.provider,
        provider_name=row.provider_name,
        role=row.role,
        purpose=row.purpose,
        rights=frozenset(row.rights),
    )
    return Assignment(works_for, row.valid_from, row.valid_to)


async def find(tx: AsyncConnection, who: str) -> Person | None:
    """By id or short name."""
    query = sa.select(person).where((person.c.id == who) | (person.c.short_name == who))
    row = (await tx.execute(query)).one_or_none()
    return _person(row) if row else None


async def load(tx: AsyncConnection, who: str) -> Person:
    found = await find(tx, who)
    if found is None:
        raise PersonNotFound
    return found


async def list_demo(tx: AsyncConnection) -> list[tuple[Person, str | None]]:
    """Demo people with their personnummer (patients only), staff first, in the order of their ids."""
    query = sa.select(person).where(person.c.demo).order_by(person.c.kind.desc(), person.c.id)
    return [(_person(row), row.personnummer) for row in (await tx.execute(query)).all()]


async def assignments(tx: AsyncConnection, person_id: str) -> list[Assignment]:
    """Every commission of the person, also those that are over; the order is stable."""
    query = sa.select(commission).where(commission.c.person_id == person_id).order_by(commission.c.id)
    return [_assignment(row) for row in (await tx.execute(query)).all()]


async def demo_assignments(tx: AsyncConnection) -> dict[str, list[Assignment]]:
    """The commissions of all demo people by person, in the order of `assignments`."""
    query = sa.select(commission).join(person, person.c.id == commission.c.person_id).where(person.c.demo)
    found: dict[str, list[Assignment]] = {}
    for row in (await tx.execute(query.order_by(commission.c.id))).all():
        found.setdefault(row.person_id, []).append(_assignment(row))
    return found


async def assignment(tx: AsyncConnection, commission_id: str) -> Assignment | None:
    row = (await tx.execute(sa.select(commission).where(commission.c.id == commission_id))).one_or_none()
    return _assignment(row) if row else None


async def staff_at(tx: AsyncConnection, unit: str, at: datetime) -> list[tuple[str, str, str]]:
    """Who has a commission at this unit then: id, name and role, by name; each once."""
    valid = (commission.c.valid_from <= at) & (commission.c.valid_to.is_(None) | (commission.c.valid_to > at))
    columns = (person.c.id, person.c.name, sa.func.min(commission.c.role))
    query = sa.select(*columns).join(commission, commission.c.person_id == person.c.id)
    query = query.where((commission.c.unit == unit) & (person.c.kind == "staff") & valid)
    rows = await tx.execute(query.group_by(person.c.id, person.c.name).order_by(person.c.name, person.c.id))
    return [(id, name, role) for id, name, role in rows.all()]


async def valid_commission(tx: AsyncConnection, commission_id: str, at: datetime) -> Commission | None:
    """The commission as it is now, or None when it has ended or gone."""
    found = await assignment(tx, commission_id)
    return found.commission if found and found.active(at) else None


async def save(tx: AsyncConnection, people: Iterable[dict[str, Any]], commissions: Iterable[dict[str, Any]]) -> None:
    """Inserts or replaces people and commissions by id: told twice, true once."""
    for table, rows in ((person, list(people)), (commission, list(commissions))):
        if not rows:
            continue
        insert = pg.insert(table).values(rows)
        changes = {column.name: insert.excluded[column.name] for column in table.c if column.name != "id"}
        await tx.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changes))
