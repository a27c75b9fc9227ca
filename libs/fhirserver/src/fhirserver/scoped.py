"""Scopes that reach only some of a type: what is about the patient in context, or what a filter finds (SMART App Launch 2.2).

Read and search apply them, as one more condition of the statement that the law is part of; every other interaction asks
`access.allows`, for which such a scope opens nothing.
"""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from access import allows
from access.scopes import Way, reach
from fhircore.outcome import InvalidFHIR
from fhircore.query import AllOf, AnyOf, Criterion, criteria_of
from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.messages import Request
from fhirserver.problems import Forbidden, NotFound
from fhirserver.search.answering import planned, searching
from fhirserver.search.asked import Asked, of_type


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a row must meet besides what is asked and the law; `patient`: it is in the record of the patient in context."""

    criteria: tuple[Criterion, ...]
    patient: bool

    def apply(self, engine: Engine, request: Request, asked: Asked) -> None:
        """Adds itself to a search of one type."""
        asked.kinds = {name: (*criteria, *self.criteria) for name, criteria in asked.kinds.items()}
        if self.patient:
            asked.compartment = engine.patient_keys(request.caller.patient or "")


def narrowing(request: Request, type_name: str, action: str) -> Narrowing | None:
    """What to add for this caller; None when nothing is. Raises Forbidden when no scope reaches the type at all.

    Where one scope reaches everybody's under a filter and another the patient's without, the filter is applied: a row that
    only the other reaches is then not found, which is less than SMART allows, and never more.
    """
    caller = request.caller
    if allows(caller.scopes, type_name, action):
        return None
    ways = _ways(request, type_name, action)
    if not ways:
        raise Forbidden(f"The token's scopes do not allow this for {type_name}", at="scope")
    everybodys = [way for way in ways if not way.patient]
    chosen = everybodys or ways
    if any(not way.query for way in chosen):
        return Narrowing((), not everybodys) if not everybodys else None
    return Narrowing((AnyOf(tuple(_criteria(type_name, way.query) for way in chosen)),), not everybodys)


def _ways(request: Request, type_name: str, action: str) -> list[Way]:
    """The ways of this token. A patient's token is held to the patient by law, and what is about nobody (registers) has no
    patient to be held to, so there a patient scope reaches as far as the law lets it."""
    caller = request.caller
    found = reach(caller.scopes | caller.context_scopes, type_name, action).ways
    if caller.kind == "patient" or not (TYPES[type_name].patient or type_name == "Patient"):
        return [replace(way, patient=False) for way in found]
    return [way for way in found if not way.patient or caller.patient]


def _criteria(type_name: str, query: str) -> Criterion:
    try:
        return AllOf(criteria_of(type_name, parse_qsl(query, keep_blank_values=True)))
    except InvalidFHIR:
        raise Forbidden(f"The filter of a scope cannot be applied to {type_name}", at="scope") from None


async def must_reach(engine: Engine, request: Request, type_name: str, id: str, within: Narrowing) -> None:
    """Raises NotFound unless the resource is among what the token reaches and the law lets its holder see."""
    asking = replace(request, method="GET", path=(type_name,), query=f"_id={id}", headers={}, body=b"")
    asked = of_type(asking, type_name)
    within.apply(engine, request, asked)
    one = (await planned(engine, asking, asked)).some(1)
    with searching():
        async with engine.search_pool.acquire() as connection:
            if not await connection.fetch(one.text, *one.values):
                raise NotFound(f"There is no {type_name}/{id}", at=type_name)
