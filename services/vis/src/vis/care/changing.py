"""A change of one resource by the rules of care: made on the version that is current when it is written, as a patch is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import exact, parsed, written_exactly
from fhirserver.engine import Engine
from fhirserver.intake import Draft, checked, require_context
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform

Resource = dict[str, Any]
Make = Callable[[Resource], Resource]


@dataclass(frozen=True, slots=True)
class Change:
    """Stands where a Patch stands. `make` is given the resource with every digit of its decimals, and gives the new one.

    It raises the Problem of a state that does not allow it.
    """

    make: Make

    def on(self, body: bytes, type_name: str, id: str, at: str) -> Draft:
        changed = self.make(exact(body))
        assert (changed["resourceType"], changed["id"]) == (type_name, id)  # rules of care change neither
        raw = written_exactly(changed)
        return checked(raw, parsed(raw), type_name, at)


async def current(engine: Engine, request: Request, type_name: str, id: str) -> tuple[Resource, Answer]:
    """The resource as the caller may see it, and that answer; logged as a read. Raises what a read raises."""
    stripped = Request("GET", (type_name, id), "", {}, b"", request.caller, request.sight)
    answer = await read(engine, stripped, type_name, id)
    return parsed(answer.body), answer


async def changed(
    engine: Engine, request: Request, type_name: str, id: str, activity: str, make: Make, *more: Action
) -> Answer:
    """200 with the new version; `more` is done in the same transaction. Raises VersionConflict (If-Match), what `make` raises."""
    asked = request.path[-1] if request.path else ""
    by = asked[1:] if asked.startswith("$") else "care"
    action = Action("PATCH", type_name, type_name, id, patch=Change(make), if_match=request.if_match(), by=by)
    action.patient = require_context(request, type_name, creating=False)
    return await perform(engine, request, activity, [action, *more], partial(answers.alone, engine, request))
