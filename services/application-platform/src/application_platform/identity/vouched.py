"""Whom another issuer vouches for is kept as a person of ours: staff as it says they are, patients only when we know them."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity import store
from application_platform.identity.vouching import NotVouched, Vouched
from kit.caller import Commission
from kit.problems import Kind, Problem

# A commission that an issuer named holds for a working day; the next sign-in says anew whether it still does.
COMMISSION_LIFE = timedelta(hours=10)


class NobodyWeKnow(Problem):
    """The region has no patient with this personnummer."""

    kind = Kind.FORBIDDEN
    code = "application/nobody-we-know"
    title = "The person is not in the region's register"


async def keep(tx: AsyncConnection, who: Vouched, patient: str | None, at: datetime) -> tuple[str, str | None]:
    """Keeps the person; returns their id, and that of the commission to work under. `patient` is a patient's Patient id.

    Raises NotVouched.
    """
    person: dict[str, Any] = {"kind": who.kind, "name": who.name, "short_name": None, "demo": False}
    if patient is not None:
        await _save_new(tx, {**person, "id": patient, "title": "Patient", "personnummer": who.person})
        return patient, None
    assert who.commission is not None
    await _must_be_theirs(tx, who, who.commission)
    held = [_row(who.person, who.commission, at)]
    await store.save(tx, [{**person, "id": who.person, "title": who.title, "personnummer": None}], held)
    return who.person, who.commission.id


async def _save_new(tx: AsyncConnection, row: dict[str, Any]) -> None:
    if await store.find(tx, row["id"]) is None:
        await store.save(tx, [row], [])


def _row(person_id: str, held: Commission, at: datetime) -> dict[str, Any]:
    return {
        "id": held.id,
        "person_id": person_id,
        "unit": held.unit,
        "unit_name": held.unit_name,
        "provider": held.provider,
        "provider_name": held.provider_name,
        "role": held.role,
        "purpose": held.purpose,
        "rights": sorted(held.rights),
        "valid_from": at,
        "valid_to": at + COMMISSION_LIFE,
    }


async def _must_be_theirs(tx: AsyncConnection, who: Vouched, held: Commission) -> None:
    """An issuer cannot make a patient of ours staff, nor give somebody another person's commission."""
    person, commission = store.person.c, store.commission.c
    kind = await tx.scalar(sa.select(person.kind).where(person.id == who.person))
    holder = await tx.scalar(sa.select(commission.person_id).where(commission.id == held.id))
    if kind not in (None, "staff") or holder not in (None, who.person):
        raise NotVouched("The commission is somebody else's", at="commission")


async def patient_here(tx: AsyncConnection, personnummer: str) -> str | None:
    """The Patient id of somebody who has signed in before (twelve digits)."""
    column = store.person.c
    same = sa.func.replace(column.personnummer, "-", "") == personnummer
    found: str | None = await tx.scalar(sa.select(column.id).where(same, column.kind == "patient"))
    return found
