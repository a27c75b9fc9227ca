"""What a search asks its questions on: a connection of its own, or statements that it shares with others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fhircore.query import Match
from fhirserver.engine import Engine
from fhirserver.search.order import in_sql
from fhirserver.search.plan import Plan


@asynccontextmanager
async def connected(engine: Engine, made: Plan, about: list[int]) -> AsyncIterator[Any]:
    """Shared where it is one page of the rows of one patient (`about`, keys of a person), else a connection of its pool."""
    if len(about) == 1 and _is_a_page(made):
        yield engine.shared
        return
    async with (engine.driven_pool if made.driven else engine.search_pool).acquire() as connection:
        yield connection


def _is_a_page(made: Plan) -> bool:
    """One type of somebody's rows, in an order of the database's, and nothing asked beside."""
    query = made.query
    if not made.driven or query.include or query.revinclude or query.explain or query.summary == "count":
        return False
    if query.total in ("accurate", "estimate") or query.count == 0 or not in_sql(query.sort):
        return False
    return made.parts[0].type_name != "Patient" and all(type(one) is Match for one in made.parts[0].rest)
