"""Doing a set of actions in one transaction: conditions, references, versions, events, log, idempotency, commit.

create, update, delete and the transaction bundle are all this with one or many actions
(http://hl7.org/fhir/R4/http.html#trules).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from fhircore.outcome import InvalidFHIR
from fhircore.types import TYPES
from fhirserver import conditions, idempotency, store
from fhirserver.accesslog import Entry
from fhirserver.bodies import conditional_references, parsed, quoted, unquoted, with_references
from fhirserver.conditions import Condition, Match
from fhirserver.engine import Engine
from fhirserver.intake import label_of, new_ids
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotOne
from fhirserver.writing import Delete, Put, Written
from kit.db import Connection
from kit.problems import Problem, Unavailable

_BREATH = 50  # resources prepared between two looks at the event loop


@dataclass(slots=True)
class Action:
    """One wish as the client wrote it. `raw` may still hold placeholders and conditional references."""

    method: str  # POST, PUT, DELETE
    type_name: str
    at: str  # where it stands, for errors: Bundle.entry[3]
    id: str | None = None
    raw: bytes = b""
    data: dict[str, Any] | None = None
    full_url: str | None = None
    condition: Condition | None = None  # of a conditional create
    if_match: int | None = None
    patient: str | None = None  # the patient in context
    patient_at: int | None = None  # or: the place of the action that creates that patient
    lab: int = 0  # set by perform


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action: written now, or found standing already (a conditional create that matched)."""

    action: Action
    written: Written | None = None
    found: Match | None = None


Render = Callable[[Sequence[Done], int], Answer]


async def perform(engine: Engine, request: Request, activity: str, actions: Sequence[Action], render: Render) -> Answer:
    """Does all actions or none; the answer is kept under the Idempotency-Key, if any, in the same transaction.

    Raises the Problem of the first action that cannot be done; Unavailable when the database is away.
    """
    for action in actions:  # before a connection is held: a new label takes another one
        if action.data is not None:
            action.lab = await engine.labels.number(engine.db.pool, label_of(request.caller, action.data))
    request.sight = engine.sight(request.caller)  # knows the labels that were new a moment ago
    try:
        async with engine.db.pool.acquire() as connection:
            async with connection.transaction():
                before = await idempotency.earlier(connection, engine.codec, request)
                if before is not None:
                    return before
                done, position = await _perform(engine, request, actions, connection)
                answer = render(done, position)
                await idempotency.remember(connection, engine.codec, request, answer)
                await engine.log.append(connection, [_entry(request, activity, done)])
            engine.log.settled(connection)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    except asyncpg.DataError:
        raise Invalid("The request holds something that cannot be stored") from None
    except (
        OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError, TimeoutError,
    ):  # fmt: skip
        raise Unavailable("The record cannot be written just now; nothing was stored, try again") from None
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
        raise Unavailable(
            "Somebody else wrote the same things at the same time; nothing was stored, try again"
        ) from None
    engine.wake()
    return answer


async def _perform(
    engine: Engine, request: Request, actions: Sequence[Action], con: Connection
) -> tuple[list[Done], int]:
    matches = await _resolved(engine, request, actions, con)
    await _name_patients(engine, actions, matches)
    targets = _identities(actions, matches)
    references = _references(actions, matches, targets)
    wishes: list[Put | Delete] = []
    places: list[int] = []
    done: list[Done | None] = [None] * len(actions)
    first_with: dict[Condition, int] = {}
    for place, action in enumerate(actions):
        if action.condition is not None:
            standing = matches[action.condition]
            if standing:
                done[place] = Done(action, found=standing[0])
                continue
            first = first_with.setdefault(action.condition, place)
            if first != place:
                continue  # the same condition earlier in this bundle: it is that resource
        places.append(place)
        if action.patient_at is not None:
            action.patient = targets[action.patient_at]
        wishes.append(_wish(action, targets[place], references))
        if place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
    _each_once(wishes, actions, places)
    result = await engine.writer.apply(con, wishes, request.sight)
    for place, written in zip(places, result.written, strict=True):
        done[place] = Done(actions[place], written=written)
    for place, action in enumerate(actions):
        if done[place] is None and action.condition is not None:
            done[place] = Done(action, written=done[first_with[action.condition]].written)  # type: ignore[union-attr]
    return [one for one in done if one is not None], result.position


async def _resolved(
    engine: Engine, request: Request, actions: Sequence[Action], con: Connection
) -> dict[Condition, list[Match]]:
    """Every condition of these actions, decided under locks where something is created because of it."""
    creating = {action.condition for action in actions if action.condition is not None}
    await store.lock_conditions(con, (conditions.lock_value(engine.keys, one) for one in creating))
    wanted = set(creating)
    for action in actions:
        if action.raw and b"?" in action.raw:
            for text in conditional_references(action.raw):
                wanted.add(conditions.condition(unquoted(text), action.at))
    found = await conditions.resolve(con, engine.keys, engine.codec, request.sight, wanted)
    for action in actions:
        if action.condition is not None and len(found[action.condition]) > 1:
            raise NotOne("If-None-Exist matches several resources; it must match none or one", at=action.at)
    return found


async def _name_patients(engine: Engine, actions: Sequence[Action], matches: dict[Condition, list[Match]]) -> None:
    """New Patients get the id the region knows them by (D1); one that is here already is refused as a duplicate."""
    for action in actions:
        standing = action.condition is not None and matches[action.condition]
        if action.method == "POST" and action.type_name == "Patient" and action.data is not None and not standing:
            action.id = await engine.mount.new_patient_id(action.data)


def _identities(actions: Sequence[Action], matches: dict[Condition, list[Match]]) -> list[str]:
    """The id each action ends with: its own, the one that stands already, or a new one."""
    fresh = iter(new_ids(sum(action.method == "POST" for action in actions)))
    chosen: dict[Condition, str] = {}
    ids = []
    for action in actions:
        if action.method != "POST":
            assert action.id is not None
            ids.append(action.id)
            continue
        new = action.id or next(fresh)
        if action.condition is not None:
            standing = matches[action.condition]
            new = standing[0].id if standing else chosen.setdefault(action.condition, new)
        ids.append(new)
    return ids


def _references(
    actions: Sequence[Action], matches: dict[Condition, list[Match]], ids: Sequence[str]
) -> dict[bytes, bytes]:
    """What every placeholder, absolute address of an entry and conditional reference becomes, as JSON bytes."""
    new: dict[bytes, bytes] = {}
    for action, id in zip(actions, ids, strict=True):
        if action.full_url is not None:
            url = quoted(action.full_url)
            if url in new:
                raise Invalid("Two entries have the same fullUrl", at=f"{action.at}.fullUrl")
            new[url] = f"{action.type_name}/{id}".encode()
    for action in actions:
        if not action.raw or b"?" not in action.raw:
            continue
        for text in conditional_references(action.raw):
            if text in new:
                continue
            type_name, query = conditions.condition(unquoted(text), action.at)
            found = matches[type_name, query]
            if len(found) != 1:
                how = "no resource" if not found else "several resources"
                raise NotOne(f"A conditional reference to {type_name} matches {how}", at=action.at)
            new[text] = f"{type_name}/{found[0].id}".encode()
    return new


def _wish(action: Action, id: str, references: dict[bytes, bytes]) -> Put | Delete:
    if action.method == "DELETE":
        return Delete(action.type_name, id, action.if_match, at=action.at)
    raw, data = action.raw, action.data
    if references:
        raw = with_references(raw, references)
        if raw is not action.raw:
            data = parsed(raw)
    assert data is not None
    new = action.method == "POST" and action.id is None
    return Put(action.type_name, id, raw, data, action.lab, new, action.if_match, patient=action.patient, at=action.at)


def _each_once(wishes: Sequence[Put | Delete], actions: Sequence[Action], places: Sequence[int]) -> None:
    seen: set[tuple[str, str]] = set()
    for wish, place in zip(wishes, places, strict=True):
        if (wish.type_name, wish.id) in seen:
            raise Invalid(f"{wish.type_name}/{wish.id} is written twice in one transaction", at=actions[place].at)
        seen.add((wish.type_name, wish.id))


def _entry(request: Request, activity: str, done: Sequence[Done]) -> Entry:
    about = {
        (written.pat, TYPES[written.type_name].number, written.lab)
        for one in done
        if (written := one.written) is not None and written.pat
    }
    return Entry(request.caller, activity, sorted(about), len(done))


def located(problem: Problem, at: str) -> Problem:
    """The same problem, saying where in the bundle it happened."""
    if (problem.at or problem.issues[0].at or "").startswith(at):
        return problem
    return type(problem)(problem.detail, at=at, headers=problem.headers)
