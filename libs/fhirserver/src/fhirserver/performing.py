"""Doing a set of actions in one transaction: conditions, references, versions, events, log, idempotency, commit.

create, update, patch, delete and the transaction bundle are all this with one or many actions
(http://hl7.org/fhir/R4/http.html#trules).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from fhircore.outcome import InvalidFHIR
from fhircore.types import TYPES
from fhirserver import conditions, idempotency, store
from fhirserver.accesslog import Entry
from fhirserver.actions import Action, Done
from fhirserver.bodies import conditional_references, unquoted
from fhirserver.conditions import Condition, Match
from fhirserver.engine import Engine
from fhirserver.identities import Target, awaits_name, settled
from fhirserver.intake import label_of
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, Raced
from fhirserver.search.plan import Plan
from fhirserver.subscribing.registering import prepare, register
from fhirserver.wishes import Written
from fhirserver.wishing import Wishing
from fhirserver.within import within
from kit.db import Connection
from kit.problems import Problem, Unavailable

__all__ = ["Action", "Done", "Render", "located", "perform"]

_TRIES = 6  # of what others crossed; each waits a little longer
_CROSSED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, Raced)
_AWAY = (
    OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError, TimeoutError,
)  # fmt: skip

Render = Callable[[Sequence[Done], int], Answer]
Reads = Callable[[Engine], Awaitable[None]]  # what a transaction asks of an engine that sees what was written


@dataclass(slots=True)
class _Work:
    """What one call of `perform` carries from step to step."""

    engine: Engine
    request: Request
    activity: str
    actions: Sequence[Action]
    wanted: dict[Condition, str]  # every condition, with the place that names it first
    render: Render
    reads: Reads | None
    searches: dict[Condition, Plan] = field(default_factory=dict)
    read: list[Entry] = field(default_factory=list)  # log entries of the reads


async def perform(
    engine: Engine,
    request: Request,
    activity: str,
    actions: Sequence[Action],
    render: Render,
    reads: Reads | None = None,
) -> Answer:
    """Does all actions or none, then `reads`; the answer is kept under the Idempotency-Key, if any, in the same transaction.

    Raises the Problem of the first action that cannot be done; Unavailable when the database is away.
    """
    prepare(engine, request, actions)
    for action in actions:  # before a connection is held: a new label takes another one
        label = action.label or (label_of(request.caller, action.data) if action.data is not None else None)
        if label is not None:
            action.lab = await engine.labels.number(engine.db.pool, label)
    request.sight = await engine.sight(request.caller)  # knows the labels that were new a moment ago
    work = _Work(engine, request, activity, actions, _conditions(actions), render, reads)
    try:
        work.searches = await conditions.plans(engine, request, work.wanted)
        answer = await _tried(work)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    except asyncpg.DataError:
        raise Invalid("The request holds something that cannot be stored") from None
    except _AWAY:
        raise Unavailable("The record cannot be written just now; nothing was stored, try again") from None
    engine.wake()
    return answer


async def _tried(work: _Work) -> Answer:
    """Once; again where others crossed it, since then nothing was stored and nobody was told."""
    for attempt in range(1, _TRIES + 1):
        try:
            return await _together(work)
        except _CROSSED as error:
            if attempt == _TRIES:
                if isinstance(error, Problem):
                    raise
                text = "Somebody else wrote the same things at the same time; nothing was stored, try again"
                raise Unavailable(text) from None
            await asyncio.sleep(random.uniform(0.5, 1.5) * 0.01 * 2**attempt)  # noqa: S311 — no secret
        except Problem:
            await _log_reads(work)
            raise
    raise AssertionError


async def _together(work: _Work) -> Answer:
    engine, request = work.engine, work.request
    async with engine.db.pool.acquire() as connection:
        async with connection.transaction():
            before = await idempotency.earlier(connection, engine.codec, request)
            if before is not None:
                return before
            done, position = await _perform(work, connection)
            await register(connection, request, done)
            if work.reads is not None:
                await connection.execute("set local statement_timeout = '20s'")
                bound, work.read = within(engine, connection)
                await work.reads(bound)
            answer = work.render(done, position)
            entries = [_entry(request, work.activity, done), *work.read]
            patients = {pat for entry in entries for pat, _, _ in entry.about}
            await idempotency.remember(connection, engine.codec, request, answer, patients)
            await engine.log.append(connection, entries)
        engine.log.settled(connection)
    return answer


async def _log_reads(work: _Work) -> None:
    """What was read in a transaction that then failed was read all the same, or was refused."""
    entries, work.read = work.read, []
    if work.engine.mount.logged:
        for entry in entries:
            await work.engine.together.write(entry)


async def _perform(work: _Work, con: Connection) -> tuple[list[Done], int]:
    engine, request, actions = work.engine, work.request, work.actions
    matches = await _resolved(work, con)
    named: dict[int, str] = {}
    for place, action in enumerate(actions):
        if awaits_name(action, matches) and action.data is not None:
            # New Patients get the id the region knows them by (D1); one that is here already is refused as a duplicate.
            known = await engine.mount.new_patient_id(action.data)
            named |= {place: known} if known is not None else {}
    targets = settled(actions, matches, named, engine.mount.most_deleted)
    wishing = Wishing(engine, request, actions, targets, matches, whole=work.activity == "transaction")
    wishes = await wishing.all(con)
    old = await engine.guards.standing(con, wishes)
    result = await engine.writer.apply(con, wishes, request.sight)
    await engine.guards.check(con, wishes, old, result.written)
    if engine.integrity is not None:
        await engine.integrity.check(con, wishes, result.written)
    return _done(actions, targets, wishing.places, result.written), result.position


def _done(
    actions: Sequence[Action], targets: Sequence[Target], places: Sequence[int], written: Sequence[Written]
) -> list[Done]:
    """What became of each action; `places` says whose each written version is."""
    of: dict[int, list[Written]] = {}
    for place, one in zip(places, written, strict=True):
        of.setdefault(place, []).append(one)
    done = []
    for place, (action, target) in enumerate(zip(actions, targets, strict=True)):
        mine = of.get(place if target.same_as is None else target.same_as, [])
        done.append(Done(action, mine[0] if mine else None, target.found, mine[1:]))
    return done


def _conditions(actions: Sequence[Action]) -> dict[Condition, str]:
    """Every condition of these actions, those in references too."""
    wanted: dict[Condition, str] = {}
    for action in actions:
        if action.condition is not None:
            wanted.setdefault(action.condition, action.at)
        if action.raw and b"?" in action.raw:
            for text in conditional_references(action.raw):
                wanted.setdefault(conditions.condition(unquoted(text), action.at), action.at)
    return wanted


async def _resolved(work: _Work, con: Connection) -> dict[Condition, list[Match]]:
    """Every condition, decided under locks where something is written because of it."""
    if not work.wanted:
        return {}
    engine, actions = work.engine, work.actions
    writing = {action.condition for action in actions if action.condition is not None}
    await store.lock_conditions(con, (conditions.lock_value(engine.keys, one) for one in writing))
    if work.searches:  # what they name may have been stored while we waited for the lock
        work.searches = await conditions.plans(engine, work.request, work.wanted)
    deletes = sum(action.method == "DELETE" for action in actions)
    most = 2 + (engine.mount.most_deleted * deletes)  # what is deleted here does not count for the others
    return await conditions.resolve(con, engine, work.request.sight, work.wanted, work.searches, most)


def _entry(request: Request, activity: str, done: Sequence[Done]) -> Entry:
    about = {
        (written.pat, TYPES[written.type_name].number, written.lab)
        for one in done
        for written in (*((one.written,) if one.written is not None else ()), *one.more)
        if written.pat
    }
    return Entry(request.caller, activity, sorted(about), len(done))


def located(problem: Problem, at: str) -> Problem:
    """The same problem, saying where in the bundle it happened."""
    if (problem.at or problem.issues[0].at or "").startswith(at):
        return problem
    return type(problem)(problem.detail, at=at, headers=problem.headers)
