"""Jobs: work that outlives its request, one row each, so that a process that dies is followed by the next one.

The asynchronous pattern is http://hl7.org/fhir/R4/async.html. A job belongs to the client and the person that asked for it;
to everybody else it is not there.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from fhirserver.problems import NotFound, TooManyJobs
from kit.caller import Caller
from kit.db import Connection, Pool
from kit.problems import Header

KEPT = timedelta(hours=24)  # how long a finished job and its answer stay
_OPEN_PER_CLIENT = 20
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_caller = msgspec.json.Decoder(Caller).decode


@dataclass(frozen=True, slots=True)
class Job:
    """`asked` is the kind's own wish as JSON; `place` where the work stands, in the kind's own words; `turn` counts the
    processes that took it up, and fences those that were taken for dead."""

    id: str
    kind: str  # export, reindex, import
    state: str  # waiting, running, done, failed, cancelled
    caller: Caller
    request: str  # the address that was asked, for the manifest
    asked: bytes
    at: datetime
    turn: int
    as_of: datetime | None
    place: bytes
    told: str
    ended: datetime | None


_COLUMNS = "id, kind, state, caller, request, asked, at, turn, as_of, place, told, ended"
_CREATE = f"""
insert into job(id, kind, state, client, subject, caller, request, asked)
select $1, $2, $3, $4, $5, $6, $7, $8
where (select count(*) from job where client = $4 and state in ('waiting', 'running')) < {_OPEN_PER_CLIENT}
on conflict (id) do nothing returning {_COLUMNS}"""
_CLAIM = f"""
update job set state = 'running', beat = clock_timestamp(), turn = turn + 1
where id = (select id from job
            where kind = any($1::text[])
              and (state = 'waiting' or (state = 'running' and beat < clock_timestamp() - make_interval(secs => $2)))
            order by at limit 1 for update skip locked)
returning {_COLUMNS}"""


async def create(
    con: Connection | Pool,
    kind: str,
    caller: Caller,
    request: str,
    asked: bytes,
    *,
    id: str = "",
    state: str = "waiting",
) -> Job:
    """Raises TooManyJobs when this client has as many unfinished ones as it may."""
    row = await con.fetchrow(
        _CREATE, id or str(uuid.uuid4()), kind, state, caller.client, caller.subject,
        msgspec.json.encode(caller).decode(), request, asked,
    )  # fmt: skip
    if row is None:
        text = f"At most {_OPEN_PER_CLIENT} unfinished jobs per client; wait for one, or cancel one"
        raise TooManyJobs(text, headers=(Header("Retry-After", "10"),))
    return _job(row)


async def owned(con: Connection | Pool, id: str, caller: Caller) -> Job:
    """The job if it is this caller's. Raises NotFound; a cancelled one is not there."""
    row = None
    if _ID.fullmatch(id):
        row = await con.fetchrow(
            f"select {_COLUMNS} from job where id = $1 and client = $2 and subject = $3 and state <> 'cancelled'",
            id, caller.client, caller.subject,
        )  # fmt: skip
    if row is None:
        raise NotFound("There is no such job; it may have been cancelled, or its time is over", at="job")
    return _job(row)


async def claim(pool: Pool, kinds: Sequence[str], lease: float) -> Job | None:
    """The oldest job that waits, or whose process has not been heard of for `lease` seconds; now ours."""
    row = await pool.fetchrow(_CLAIM, list(kinds), lease)
    return None if row is None else _job(row)


async def take_up(pool: Pool, id: str, lease: float) -> Job | None:
    """An import that goes on in a new request, or was finished; None while another request is at it. The caller owns the id."""
    row = await pool.fetchrow(
        "update job set turn = turn + 1, beat = clock_timestamp() where id = $1 and state = 'running'"
        f" and beat < clock_timestamp() - make_interval(secs => $2) returning {_COLUMNS}",
        id, lease,
    )  # fmt: skip
    if row is None:
        row = await pool.fetchrow(f"select {_COLUMNS} from job where id = $1 and state in ('done', 'failed')", id)
    return None if row is None else _job(row)


async def cancel(con: Connection | Pool, job: Job) -> None:
    """It stops at its next step; what it made is dropped."""
    await con.execute("update job set state = 'cancelled', ended = clock_timestamp() where id = $1", job.id)
    await con.execute("delete from job_part where job = $1", job.id)


async def forget(pool: Pool) -> None:
    """Drops jobs whose time is over."""
    await pool.execute(
        "delete from job where coalesce(ended, case kind when 'import' then greatest(at, beat) end)"
        " < clock_timestamp() - $1::interval",
        KEPT,
    )


def _job(row: Any) -> Job:
    id, kind, state, caller, *rest = row
    return Job(str(id), kind, state, _caller(caller), *rest)


class Lost(Exception):
    """The job is no longer ours: cancelled, or taken over by a process that thought us dead."""


class Run:
    """One process at work on one job: what it tells is kept only as long as the job is its own."""

    def __init__(self, pool: Pool, job: Job) -> None:
        self.pool, self.job = pool, job

    async def tell(self, told: str, *, place: bytes | None = None, on: Connection | None = None) -> None:
        """Progress in words, and where to go on (inside the transaction of `on`). Raises Lost."""
        await self._change("told = $3, place = coalesce($4, place)", told, place, on=on)

    async def beat(self) -> None:
        """Still here."""
        await self._change("state = state")

    async def settle(self, as_of: datetime) -> None:
        """The moment the answer is true of."""
        await self._change("as_of = $3", as_of)

    async def finish(self, told: str) -> None:
        await self._change("state = 'done', ended = clock_timestamp(), told = $3", told)

    async def pause(self, why: str) -> None:
        """It may be taken up by somebody else at once."""
        await self._change("beat = '-infinity', told = $3", why)

    async def fail(self, why: str) -> None:
        await self._change("state = 'failed', ended = clock_timestamp(), told = $3", why)

    async def hold(self, con: Connection) -> None:
        """Locks the job's row until the transaction ends, so that nobody takes it over meanwhile. Raises Lost."""
        if await con.fetchval(
            "select 1 from job where id = $1 and turn = $2 and state = 'running' for update", self.job.id, self.job.turn
        ) is None:  # fmt: skip
            raise Lost

    async def _change(self, what: str, *values: Any, on: Connection | None = None) -> None:
        beat = "" if "beat =" in what else "beat = clock_timestamp(), "
        text = f"update job set {beat}{what} where id = $1 and turn = $2 and state = 'running'"
        done = await (on or self.pool).execute(text, self.job.id, self.job.turn, *values)
        if done == "UPDATE 0":
            raise Lost
