"""batch: every entry for itself; one that fails says why and stops no other (http://hl7.org/fhir/R4/http.html#transaction)."""

import asyncio
from collections.abc import Sequence
from functools import partial

from fhircore.outcome import operation_outcome
from fhirserver.bodies import plain
from fhirserver.bundling import Entry, Incoming, answered, ask_of, asks_only
from fhirserver.engine import Engine
from fhirserver.intake import require_context
from fhirserver.interactions.transaction import action_of, entry_response
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, Done, located, perform
from fhirserver.problems import NotSupported
from kit.problems import Problem

_AT_ONCE = 16


async def batch(engine: Engine, request: Request, bundle: Incoming) -> Answer:
    """200 with a batch-response. What can be done together is committed together; else each entry is tried alone."""
    if request.header(b"idempotency-key") is not None:
        raise NotSupported("Idempotency-Key works for a transaction; in a batch use ifNoneExist", at="Idempotency-Key")
    answers: list[bytes | None] = [None] * len(bundle.entry)
    sound: list[tuple[int, Action]] = []
    asks: list[tuple[int, Request]] = []
    for place, entry in enumerate(bundle.entry):
        at = f"Bundle.entry[{place}]"
        try:
            if asks_only(entry, at):
                asks.append((place, ask_of(engine, request, entry, at)))
            else:
                sound.append((place, _action(engine, request, entry, at)))
        except Problem as problem:
            answers[place] = _refusal(located(problem, at))
    for place, answer in await _together(engine, request, sound):
        answers[place] = answer
    for start in range(0, len(asks), _AT_ONCE):  # after what is written, a few at a time
        some = asks[start : start + _AT_ONCE]
        told = await asyncio.gather(*(_asked(engine, asking, place) for place, asking in some))
        for (place, _), answer in zip(some, told, strict=True):
            answers[place] = answer
    entries = b",".join(answer for answer in answers if answer)
    head = b'{"resourceType":"Bundle","type":"batch-response"'
    return Answer(200, head + (b',"entry":[' + entries + b"]}" if entries else b"}"))


async def _asked(engine: Engine, asking: Request, place: int) -> bytes:
    try:
        return await answered(engine, asking)
    except Problem as problem:
        return _refusal(located(problem, f"Bundle.entry[{place}]"))


def _action(engine: Engine, request: Request, entry: Entry, at: str) -> Action:
    action = action_of(engine, request, entry, at)
    action.full_url = None  # entries of a batch do not refer to each other
    if action.method != "DELETE":
        action.patient = require_context(request, action.type_name, creating=action.method == "POST")
    return action


async def _together(engine: Engine, request: Request, sound: Sequence[tuple[int, Action]]) -> list[tuple[int, bytes]]:
    done: list[Done] = []
    full = request.wanted_in_bundle == "representation"
    if not sound:
        return []
    try:
        await perform(engine, request, "batch", [action for _, action in sound], partial(_keep, done))
    except Problem:
        return [(place, await _alone(engine, request, action)) for place, action in sound]
    return [(place, entry_response(engine, one, full=full)) for (place, _), one in zip(sound, done, strict=True)]


async def _alone(engine: Engine, request: Request, action: Action) -> bytes:
    done: list[Done] = []
    try:
        await perform(engine, request, "batch", [action], partial(_keep, done))
    except Problem as problem:
        return _refusal(problem)
    return entry_response(engine, done[0], full=request.wanted_in_bundle == "representation")


def _keep(kept: list[Done], done: Sequence[Done], _position: int) -> Answer:
    kept[:] = done
    return Answer(200)


def _refusal(problem: Problem) -> bytes:
    told = {"status": str(problem.kind.status), "outcome": operation_outcome(problem.issues)}
    return b'{"response":' + plain(told) + b"}"
