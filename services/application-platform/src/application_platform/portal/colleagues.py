"""Who works at a unit now: those that work can be handed to, by the commissions that are known here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request

from application_platform.identity import store
from fhircore.identifiers import HSA
from kit.db import Database


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff with a commission at the unit. `id` is the HSA-id."""

    id: str
    name: str
    role: str = ""

    @property
    def reference(self) -> dict[str, object]:
        """As an owner of a task (vis.care.offers)."""
        known = {"system": HSA, "value": self.id}
        return {"type": "Practitioner", "identifier": known, "display": self.name}


async def at_unit(request: Request, unit: str) -> tuple[Colleague, ...]:
    """Everybody whose commission at this unit is valid now, by name."""
    db: Database = request.app.state.db
    async with db.engine.connect() as connection:
        found = await store.staff_at(connection, unit, datetime.now(UTC))
    return tuple(Colleague(*one) for one in found)
