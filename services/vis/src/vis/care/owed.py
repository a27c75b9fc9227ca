"""Every final result owes exactly one acknowledgement, wherever it was made: VIS hears of it and raises the task (D18)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from access import Label, all_seeing
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.intake import checked
from fhirserver.wishes import Put
from kit.db import Connection, driver
from kit.events import CloudEvent
from kit.http import Client
from kit.own_token import OwnToken
from kit.problems import Problem
from kit.telemetry import describe
from vis.care import answered, results, tasks
from vis.knowledge import changes

FINAL = frozenset(("final", "amended", "corrected", "appended"))
WITHDRAWN = frozenset(("cancelled", "entered-in-error"))
YOUNG = timedelta(days=30)  # a result that is older than that when it comes is history, which nobody waits to read
_TYPE, _MARK = "DiagnosticReport", b'"DiagnosticReport"'
_AT_ONCE, _LOOK, _AWAY = 100, 0.5, 5.0  # results in hand; seconds between two looks, and after the region was away
_HEARD = "select id, told from result_heard where told <= clock_timestamp() order by told limit $1"
_LATER = "update result_heard set told = clock_timestamp() + interval '1 minute' where id = $1 and told = $2"
_DONE = """
delete from result_heard h using unnest($1::text[], $2::timestamptz[]) as d(id, told) where h.id = d.id and h.told = d.told"""
_CARING = """
select distinct r.pat, r.unit, l.provider, r.since from access_relation r join label l on l.unit = r.unit and l.provider <> ''
where r.pat = any($1::bigint[]) and r.employee is null and r.since <= now() and r.until > now()
order by r.since desc, r.unit"""
log = structlog.get_logger(__name__)
Resource = dict[str, Any]
Same = Callable[[str, str], bool]  # whether two references are to one person


async def heard(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
    """Notes which results are to be asked about."""
    found = {one.id for event in events if concerns(event.data) for one in changes(event) if one.type == _TYPE}
    if found:
        await (await driver(tx)).execute(
            "insert into result_heard(id) select unnest($1::text[])"
            " on conflict (id) do update set told = clock_timestamp()",
            sorted(found),
        )


def concerns(value: bytes) -> bool:
    """Whether a change of the record may be one of results; most name none, and need not be parsed."""
    return _MARK in value


class Owed:
    """The loop that asks the region what the results are, and raises, reopens and withdraws their tasks."""

    def __init__(self, engine: Engine, region: Client, own: OwnToken) -> None:
        self._engine, self._region, self._own = engine, region, own

    async def run(self) -> None:
        """Runs until cancelled; what cannot be asked now stays."""
        while True:
            try:
                if await self.settle() == _AT_ONCE:
                    continue
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, Problem) as error:
                log.warning("results could not be settled", error=describe(error))
                await asyncio.sleep(_AWAY)
            await asyncio.sleep(_LOOK)

    async def settle(self) -> int:
        """Some of those that were heard of; how many. Raises what the region's absence raises."""
        pool = self._engine.db.pool
        rows = await pool.fetch(_HEARD, _AT_ONCE)
        if not rows:
            return 0
        asked = {"ids": [row["id"] for row in rows]}
        told = await self._region.post("/internal/records/results", asked, bearer=await self._own.token())
        wanted = await self._answering([one for one in told if one["status"] in FINAL | WITHDRAWN])
        try:
            await self._settled(rows, wanted)
        except Exception:  # noqa: BLE001 - whatever one of them does, the others are settled
            for row in rows:
                await self._alone(row, [one for one in wanted if one["id"] == row["id"]])
        self._engine.wake()
        return len(rows)

    async def _alone(self, row: Any, wanted: Sequence[Mapping[str, Any]]) -> None:
        """One result; where it cannot be settled it is kept and tried again in a minute, and the others go on."""
        try:
            await self._settled([row], wanted)
        except Exception as error:  # noqa: BLE001 - a database that is away says so at the next statement
            log.error("a result could not be settled", error=describe(error))
            await self._engine.db.pool.execute(_LATER, row["id"], row["told"])

    async def _settled(self, rows: Sequence[Any], wanted: Sequence[Mapping[str, Any]]) -> None:
        """In one transaction: the tasks of these results, and that they need no further look unless they were told again."""
        labels = {one["id"]: await self._label(one) for one in wanted}
        async with self._engine.db.pool.acquire() as con, con.transaction():
            await self._raise(con, wanted, labels)
            await con.execute(_DONE, [row["id"] for row in rows], [row["told"] for row in rows])

    async def _answering(self, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same, with who answers for each: who ordered it, where an order of ours is named; else the unit that made it where
        the patient is in its care, else the one in whose care the patient came last. A laboratory has no patients in its care."""
        ordered = await answered.ordered(self._engine, results)
        pats = {one["id"]: self._engine.keys.of(f"Patient/{one['patient']}") for one in results}
        caring: dict[int, dict[str, str]] = {}
        for row in await self._engine.db.pool.fetch(_CARING, sorted(set(pats.values()))):
            caring.setdefault(row["pat"], {}).setdefault(row["unit"], row["provider"])
        found = []
        for one in results:
            units, order = caring.get(pats[one["id"]], {}), ordered.get(one["id"])
            if order is not None:
                one = one | {
                    "unit": order.unit,
                    "provider": order.provider,
                    "orderer": order.requester,
                    "order": order.id,
                }
            elif units and one["unit"] not in units:
                unit = next(iter(units))
                one = one | {"unit": unit, "provider": units[unit]}
            found.append(one)
        return found

    async def _label(self, one: Mapping[str, Any]) -> int:
        label = Label(one["provider"], one["unit"], "samordning")
        return await self._engine.labels.number(self._engine.db.pool, label)

    async def _raise(self, con: Connection, wanted: Sequence[Mapping[str, Any]], labels: Mapping[str, int]) -> None:
        engine, now = self._engine, datetime.now(UTC)
        ids = {one["id"]: _ids(one) for one in wanted}
        keys = {engine.keys.of(f"Task/{id}"): id for pair in ids.values() for id in pair}
        answers = {one["order"] for one in wanted if one.get("order") and one["status"] in FINAL}
        keys |= {engine.keys.of(f"ServiceRequest/{id}"): id for id in answers}
        found = await con.fetch("select key, body from res where key = any($1::bigint[]) for update", sorted(keys))
        await engine.codec.ready(con, [row["body"] for row in found])
        standing = {keys[row["key"]]: parsed(engine.codec.unpack(row["body"], row["key"])) for row in found}
        wishes = []
        for one in wanted:
            first, moved = (standing.get(id) for id in ids[one["id"]])
            for task in tasks_for(one, first, moved, now, same=self._same):
                made = checked(msgspec.json.encode(task), task, "Task")
                wishes.append(Put("Task", task["id"], made.raw, made.data, labels[one["id"]]))
        for id in sorted(answers):
            order = answered.done(standing[id], now) if id in standing else None
            if order is not None:
                made = checked(msgspec.json.encode(order), order, "ServiceRequest")
                wishes.append(Put("ServiceRequest", id, made.raw, made.data, 0))
        await engine.writer.apply(con, wishes, all_seeing())

    def _same(self, one: str, other: str) -> bool:
        """Whether two references are to the same person (D1)."""
        keys = self._engine.keys
        return keys.of(other) in self._engine.persons.expanded(keys.of(one))


def _ids(result: Mapping[str, Any]) -> tuple[str, str]:
    """The id of its task, and of the one it has at a patient to whom it was moved."""
    focus = f"{_TYPE}/{result['id']}"
    return tasks.id_of("result", focus), tasks.moved_id("result", focus, result["patient"])


def tasks_for(
    result: Mapping[str, Any], first: Resource | None, moved: Resource | None, now: datetime, *, same: Same = str.__eq__
) -> list[Resource]:
    """The tasks as they shall be, of those that change (pure). `first` is the one that was raised first, `moved` the one at the
    patient who has the result now. A task stays with its patient: of a result that is moved the old one is withdrawn."""
    if first is None or same(first["for"]["reference"], f"Patient/{result['patient']}"):
        task = task_for(result, first, now)
        return [] if task is None else [task]
    found = [_withdrawn(first, "Svaret är flyttat till en annan patient", now)] if first["status"] in tasks.OPEN else []
    made = task_for(result, moved, now)
    if made is not None:
        found.append(made | {"id": _ids(result)[1]})
    return found


def _withdrawn(task: Resource, why: str, now: datetime) -> Resource:
    changed = {"status": "cancelled", "lastModified": now.isoformat(timespec="seconds"), "statusReason": {"text": why}}
    return task | changed


def _again(task: Resource, why: str, now: datetime) -> Resource:
    """Owed once more, in a time of its own."""
    urgent = task.get("priority") == "urgent"
    changed = {"status": "requested", "lastModified": now.isoformat(timespec="seconds"), "statusReason": {"text": why}}
    return task | changed | tasks.due("result", now, urgent=urgent)


def task_for(result: Mapping[str, Any], standing: Resource | None, now: datetime) -> Resource | None:
    """The task as it shall be; None where nothing changes (pure)."""
    if result["status"] in WITHDRAWN:
        if standing is None or standing["status"] not in tasks.OPEN:
            return None
        return _withdrawn(standing, "Svaret är återtaget", now)
    if standing is None:
        if _old(result, now):
            return None
        owner = result.get("orderer") or ({"reference": f"Organization/{result['unit']}"} if result["unit"] else None)
        made = tasks.made(
            "result", f"{_TYPE}/{result['id']}", result["patient"], owner or {}, now, urgent=result["abnormal"]
        )
        return made if owner else {name: value for name, value in made.items() if name != "owner"}
    if standing["status"] == "completed" and results.version_of(standing) not in ("", result["version"]):
        return _again(standing, "Svaret är rättat", now)
    if standing["status"] == "cancelled":  # it was withdrawn, or at another patient, and is neither any more
        return _again(standing, "Svaret gäller igen", now)
    return None


def _old(result: Mapping[str, Any], now: datetime) -> bool:
    """Whether it was answered, or at least taken, longer ago than anybody waits for."""
    for name in ("issued", "effective"):
        try:
            at = datetime.fromisoformat(str(result[name]))
        except ValueError:
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) < now - YOUNG
    return False
