"""To whom a patient can write: units where somebody works, those that have written about the patient first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.store import commission
from application_platform.portal.reader import Portal
from application_platform.portal.record import SignedOut
from kit.problems import Problem


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its HSA-id; `known` when it has written in the patient's record."""

    id: str
    name: str
    provider: str
    known: bool = False


async def open_units(tx: AsyncConnection, now: datetime) -> list[Unit]:
    """Units where at least one commission is in force, by name."""
    held = commission.c
    valid = (held.valid_from <= now) & (held.valid_to.is_(None) | (held.valid_to > now)) & (held.purpose == "care")
    query = sa.select(held.unit, held.unit_name, held.provider_name).where(valid).distinct().order_by(held.unit_name)
    return [Unit(*row) for row in await tx.execute(query)]


async def known_units(portal: Portal, token: str, patient: str) -> frozenset[str] | None:
    """HSA-ids of units that have written about the patient, as the law shows them to the reader; None where it is away."""
    try:
        state = await portal.access.state(token, patient)
    except SignedOut:
        raise
    except Problem:
        return None
    return frozenset(str(part["unit"]) for part in state.get("parts", ()) if part.get("unit"))


def marked(units: Sequence[Unit], known: frozenset[str]) -> list[Unit]:
    """Those that know the patient first."""
    found = [Unit(one.id, one.name, one.provider, one.id in known) for one in units]
    return sorted(found, key=lambda one: (not one.known, one.name))
