"""What units and care providers are called, from the commissions that are known here."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.store import commission


async def names(con: AsyncConnection) -> dict[str, str]:
    """HSA-id of a unit or a care provider → its name."""
    held = commission.c
    columns = (held.unit, held.unit_name, held.provider, held.provider_name)
    found: dict[str, str] = {}
    for unit, unit_name, provider, provider_name in await con.execute(sa.select(*columns).distinct()):
        found |= {unit: unit_name, provider: provider_name}
    return found
