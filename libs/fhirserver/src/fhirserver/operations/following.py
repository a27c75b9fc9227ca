"""How a job is followed: its status, its answer, its end (http://hl7.org/fhir/R4/async.html)."""

from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request, outcome
from fhirserver.operations import jobs
from fhirserver.operations.delivering import file, manifest
from fhirserver.problems import JobFailed, NotAllowed, NotFound

_AGAIN = b"2"  # seconds


async def follow(engine: Engine, request: Request, id: str) -> Answer:
    """GET: 202 with X-Progress, 200 with the manifest, or the failure as it is. DELETE: 202, and it is no more."""
    job = await jobs.owned(engine.db.pool, id, request.caller)
    if request.method == "DELETE":
        await jobs.cancel(engine.db.pool, job)
        return Answer(202)
    if request.method != "GET":
        raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")
    if job.state == "failed":
        return outcome(JobFailed(job.told))
    if job.state == "done":
        return await manifest(engine, request, job)
    progress = (job.told or "waiting for its turn").encode("latin-1", "replace")[:100]
    return Answer(202, b"", [(b"x-progress", progress), (b"retry-after", _AGAIN), (b"cache-control", b"no-store")])


async def fetch(engine: Engine, request: Request, id: str, number: str) -> Answer:
    """One file of a finished job."""
    job = await jobs.owned(engine.db.pool, id, request.caller)
    if request.method != "GET":
        raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        raise NotFound("The job has no such file", at="job")
    return await file(engine, request, job, int(number))
