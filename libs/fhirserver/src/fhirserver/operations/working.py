"""The loop that does jobs: one of each kind at a time in a process; a job whose process died is taken up again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import asyncpg
import structlog

from fhirserver.engine import Engine
from fhirserver.operations import exporting, jobs, reindexing, sealing
from fhirserver.operations.jobs import Job, Lost, Run
from kit.problems import Problem
from kit.telemetry import describe

Work = Callable[[Engine, Run], Awaitable[str]]  # does the job; returns its last word

WORK: Mapping[str, Work] = {"export": exporting.work, "reindex": reindexing.work, sealing.KIND: sealing.work}
_LEASE = 15.0  # seconds without a sign of life after which a job is another's
_TURNS = 5  # a job that broke this many processes is given up
_HOUR = 3600.0
_AWAY = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)
log = structlog.get_logger(__name__)


class Jobs:
    """`run` is a loop of the service. `lease` is how long a silent process is believed to be alive."""

    def __init__(self, engine: Engine, *, lease: float = _LEASE) -> None:
        self._engine = engine
        self._lease = lease
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. Looks once a second, and at once when a job is posted in this process."""
        forgotten = 0.0
        loop = asyncio.get_running_loop()
        await reindexing.when_changed(self._engine)
        try:
            while True:
                if loop.time() - forgotten > _HOUR or not forgotten:
                    forgotten = loop.time()
                    await jobs.forget(self._engine.db.pool)
                await self._take()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._engine.job_posted.wait(), 1)
                self._engine.job_posted.clear()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _take(self) -> None:
        while True:
            free = [kind for kind in WORK if kind not in self._busy]
            job = await jobs.claim(self._engine.db.pool, free, self._lease) if free else None
            if job is None:
                return
            task = self._busy[job.kind] = asyncio.create_task(self._do(job))
            task.add_done_callback(partial(self._free, job.kind))

    def _free(self, kind: str, _task: "asyncio.Task[None]") -> None:
        del self._busy[kind]
        self._engine.job_posted.set()

    async def _do(self, job: Job) -> None:
        run = Run(self._engine.db.pool, job)
        alive = asyncio.create_task(self._beat(run))
        try:
            if job.turn > _TURNS:
                await run.fail("The job was begun several times and never came to its end")
                return
            await run.finish(await WORK[job.kind](self._engine, run))
        except Lost:
            return
        except Problem as problem:
            await _failed(run, problem.detail)
        except _AWAY as error:  # the database is away: the lease runs out and the job is taken up again
            log.warning("job interrupted", error=describe(error))
        except Exception as error:
            log.error("job failed", exc_info=error)
            await _failed(run, "The job met an error on our side")
        finally:
            alive.cancel()

    async def _beat(self, run: Run) -> None:
        with contextlib.suppress(Lost, *_AWAY):
            while True:
                await asyncio.sleep(self._lease / 5)
                await run.beat()


async def _failed(run: Run, why: str) -> None:
    with contextlib.suppress(Lost, *_AWAY):
        await run.fail(why)
