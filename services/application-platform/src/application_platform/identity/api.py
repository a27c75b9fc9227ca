"""For other services of the region: where somebody works in care, and whose the units are. Names of units are public (HSA)."""

from datetime import UTC, datetime

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.store import commission
from kit.web import Tx

router = APIRouter(prefix="/internal", tags=["internal"])


class Unit(BaseModel):
    """A care unit and its care provider, by HSA-id and name."""

    unit: str
    name: str
    provider: str
    provider_name: str


@router.get("/units")
async def list_units(tx: Tx) -> list[Unit]:
    """Those where somebody has a commission for care now, by name: only they can receive a referral."""
    return await units(tx, datetime.now(UTC))


async def units(con: AsyncConnection, now: datetime) -> list[Unit]:
    """The same for the platform's own pages."""
    held = commission.c
    columns = (held.unit, held.unit_name, held.provider, held.provider_name)
    valid = sa.and_(
        held.purpose == "care", held.valid_from <= now, sa.or_(held.valid_to.is_(None), held.valid_to > now)
    )
    rows = await con.execute(sa.select(*columns).where(valid).distinct().order_by(held.provider_name, held.unit_name))
    return [Unit(unit=unit, name=name, provider=provider, provider_name=whose) for unit, name, provider, whose in rows]
