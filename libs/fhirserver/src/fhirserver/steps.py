"""Steps of the engine that an operator sees: when something was last read and logged."""

from kit.db import Connection
from kit.lag import Step

_NEWEST = "select extract(epoch from now() - at)::float8 from access_log order by id desc limit 1"


async def access_log(con: Connection) -> Step:
    """How long ago the newest row of the access log was written; None where nothing was ever read."""
    return Step("access log", newest_seconds=await con.fetchval(_NEWEST))
