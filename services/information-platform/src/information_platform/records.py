"""Is it in the region's record? Asked by the other services about references that they do not hold (D18)."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fhirserver.engine import Engine
from kit.problems import Kind, Problem
from kit.web import SignedIn


class NotASystem(Problem):
    """Only the region's own services ask what is in the record."""

    kind = Kind.FORBIDDEN
    code = "records/not-a-system"
    title = "Only systems of the region may ask what the record holds"


class Asked(BaseModel):
    """References as `Type/id`."""

    references: list[str] = Field(max_length=50_000)


class Held(BaseModel):
    """Those of them that are in the record now."""

    held: list[str]


def router(engine: Engine) -> APIRouter:
    """`POST /internal/records/exists`."""
    made = APIRouter(prefix="/internal/records", tags=["records"])

    @made.post("/exists")
    async def exists(asked: Asked, caller: SignedIn) -> Held:
        """Whether it exists, not what it says: the asking service's own token, never a person's."""
        if caller.kind != "system":
            raise NotASystem
        keys = {engine.keys.of(one): one for one in asked.references}
        rows = await engine.db.pool.fetch("select key from res where key = any($1::bigint[])", list(keys))
        return Held(held=[keys[row[0]] for row in rows])

    return made
