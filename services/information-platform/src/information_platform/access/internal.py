"""For the region's own services: all facts of patients, for a copy that is too old; and the rules for everybody."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from access import Rules
from fhirserver.taking import NotYours, PatientId
from information_platform.access.actions import FactsOwner
from information_platform.access.asked import manages
from kit.caller import Caller
from kit.web import SignedIn

COPIES = frozenset(("vis",))  # services that keep a copy
RULES = "access.rules"  # the right to change what holds for everybody

Word = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class Asked(BaseModel):
    """Patient ids, at any of their persons' ids."""

    patients: list[PatientId] = Field(max_length=1_000)


class RulesIn(BaseModel):
    """Who takes part in sammanhållen vård, and what patients are not shown online (PAT-02, PAT-09)."""

    sharing: list[Word] = Field(default=[], max_length=10_000, description="care providers that take part")
    not_sharing: list[Word] = Field(default=[], max_length=10_000, description="units of theirs that do not")
    hidden_units: list[Word] = Field(default=[], max_length=10_000)
    hidden_types: list[Word] = Field(default=[], max_length=100)


class RulesOut(RulesIn):
    """The rules that hold now."""

    version: int
    at_vis: bool


def router(law: FactsOwner) -> APIRouter:
    """`POST /internal/access/facts`, `PUT` and `GET /information/access/rules`."""
    made = APIRouter(tags=["access"])

    @made.post("/internal/access/facts")
    async def facts(asked: Asked, caller: SignedIn) -> Response:
        """All facts of these patients, as information.access-changed.v1 tells them."""
        if caller.kind != "system" or caller.client not in COPIES:
            raise NotYours("Only services that keep a copy ask for all facts")
        async with law.engine.db.pool.acquire() as con:
            told = await law.current(con, asked.patients, datetime.now(UTC))
        return Response(b"[" + b",".join(told) + b"]", media_type="application/json")

    @made.put("/information/access/rules")
    async def set_rules(body: RulesIn, caller: SignedIn) -> RulesOut:
        """New rules for everybody; the old ones are kept."""
        if not _rules(caller):
            raise NotYours("Only who may set rules for everybody (access.rules) does")
        rules = Rules(**{name: frozenset(getattr(body, name)) for name in Rules.__struct_fields__})
        version, there = await law.rule(caller, rules)
        return RulesOut(**body.model_dump(), version=version, at_vis=there)

    @made.get("/information/access/rules")
    async def rules(caller: SignedIn) -> RulesIn:
        """What holds for everybody now."""
        if not (_rules(caller) or manages(caller)):
            raise NotYours("Only managers and who may set rules for everybody see them")
        now = law.engine.law.rules
        return RulesIn(**{name: sorted(getattr(now, name)) for name in Rules.__struct_fields__})

    return made


def _rules(caller: Caller) -> bool:
    if caller.kind == "system":
        return caller.has("system/*.cruds")
    return caller.commission is not None and RULES in caller.commission.rights
