"""Who is it? Asked by the other services before they make somebody new (D1)."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from fhircore.identifiers import NotAnIdentifier, canonical, is_person_system
from kit.problems import Kind, Problem
from kit.web import SignedIn, Tx

router = APIRouter(prefix="/internal/persons", tags=["persons"])


class NotASystem(Problem):
    """Only the region's own services ask who somebody is."""

    kind = Kind.FORBIDDEN
    code = "persons/not-a-system"
    title = "Only systems of the region may ask who somebody is"


class Asked(BaseModel):
    """Identifiers of one person, in any notation and under any name of their systems."""

    identifiers: list[dict[str, str]]


class Known(BaseModel):
    """The person's id in the region, null when the region knows nobody by these identifiers."""

    patient: str | None


@router.post("/find", response_model=Known)
async def find_person(asked: Asked, tx: Tx, caller: SignedIn) -> dict[str, Any]:
    """The person who holds one of these identifiers."""
    if caller.kind != "system":
        raise NotASystem
    for one in asked.identifiers:
        system, value = one.get("system", ""), one.get("value", "")
        if not is_person_system(system):
            continue
        try:
            known = canonical(system, value)
        except NotAnIdentifier:
            continue
        statement = text("select person from person_identifier where system = :system and value = :value")
        person = await tx.scalar(statement, {"system": known.system, "value": known.value})
        if person is not None:
            return {"patient": person}
    return {"patient": None}
