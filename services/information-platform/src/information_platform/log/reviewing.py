"""Review tasks: patterns that somebody should look at, listed for the manager and closed with what was found (LOG-02, LOG-16)."""

from typing import Any

from fhirserver.engine import Engine
from kit.caller import Caller
from kit.problems import Kind, Problem

_LIST = """
select id, opened, pattern, day, actor, unit, patient, count, state, closed_by, closed, note
from log_review where provider = $1 and state = $2 and (pattern <> 'denied' or count >= 5) order by opened, id limit $3"""
_CLOSE = """
update log_review set state = $4, closed_by = $3, closed = now(), note = $5
where id = $1 and provider = $2 and state = 'open' and actor <> $3 returning patient"""


class NoSuchReview(Problem):
    """It is another care provider's, closed already, or about the reviewer's own access, which somebody else reviews."""

    kind = Kind.NOT_FOUND
    code = "log/no-such-review"
    title = "There is no such open review that you may close"


async def listed(engine: Engine, provider: str, state: str, count: int) -> list[dict[str, Any]]:
    """Tasks of one care provider, oldest first."""
    return [dict(row) for row in await engine.db.pool.fetch(_LIST, provider, state, count)]


async def close(engine: Engine, caller: Caller, provider: str, id: int, state: str, note: str) -> str:
    """The Patient id that it was about, empty for none in particular. Raises NoSuchReview."""
    patient: str | None = await engine.db.pool.fetchval(_CLOSE, id, provider, caller.subject, state, note)
    if patient is None:
        raise NoSuchReview
    return patient
