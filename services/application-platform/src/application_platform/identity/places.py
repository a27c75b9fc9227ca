"""What units, care providers and staff are called, as far as they are known here."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.store import commission, person


async def names(con: AsyncConnection) -> dict[str, str]:
    """HSA-id of a unit, a care provider or a member of staff → the name."""
    held = commission.c
    columns = (held.unit, held.unit_name, held.provider, held.provider_name)
    found: dict[str, str] = {}
    for unit, unit_name, provider, provider_name in await con.execute(sa.select(*columns).distinct()):
        found |= {unit: unit_name, provider: provider_name}
    staff = sa.select(person.c.id, person.c.name).where(person.c.kind == "staff")
    for id, name in await con.execute(staff):
        found[id] = name
    return found
