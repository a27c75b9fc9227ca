"""create: a new resource with an id of ours (http://hl7.org/fhir/R4/http.html#create)."""

from datetime import UTC, datetime
from functools import partial

from fhirserver import answers, conditions
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.intake import Draft, draft, label_of, new_ids, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, perform
from fhirserver.problems import Dangling
from fhirserver.wishes import Put


async def create(engine: Engine, request: Request, type_name: str) -> Answer:
    """201 with Location and ETag; with If-None-Exist also 200 (already there) or 412 (several are)."""
    found = draft(request.body, type_name)
    patient = require_context(request, type_name)
    query = request.header(b"if-none-exist")
    looked_up = query is not None or type_name in ("Patient", "Subscription") or b"?" in found.raw
    looked_up = looked_up or engine.guards.named(type_name)
    if not looked_up and request.header(b"idempotency-key") is None:
        try:
            return await _plain(engine, request, found, patient)
        except Dangling:  # what is not here may be held elsewhere
            pass
    wanted = None if query is None else conditions.condition(f"{type_name}?{query.removeprefix('?')}", "If-None-Exist")
    action = Action("POST", type_name, type_name, None, found.raw, found.data, condition=wanted, patient=patient)
    return await perform(engine, request, "create", [action], partial(answers.alone, engine, request))


async def _plain(engine: Engine, request: Request, found: Draft, patient: str | None) -> Answer:
    """The hot path: nothing to look up, so it shares its commit with the others that arrive now."""
    label = await engine.labels.number(engine.db.pool, label_of(request.caller, found.data))
    wish = Put(found.type_name, new_ids(1)[0], found.raw, found.data, label, new=True, patient=patient)
    row = engine.writer.row(wish, 1, datetime.now(UTC))
    about = ((row.entries.pat, row.rtype, row.lab),) if row.entries.pat else ()
    position = await engine.creator.create(row, Entry(request.caller, "create", about, 1))
    return answers.stored(engine, request, row, position, 201)
