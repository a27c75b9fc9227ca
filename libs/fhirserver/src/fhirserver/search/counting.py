"""How many a search finds: Bundle.total (http://hl7.org/fhir/R4/search.html#total)."""

import msgspec

from fhirserver.search.plan import Plan
from kit.db import Connection

_COUNTED = 10_000  # an estimate is exact up to here


async def total(con: Connection, made: Plan, *, exact: bool) -> int:
    """How many there are. An estimate counts up to a limit; beyond it only who may see everything is told the database's
    guess, since statistics know of what is hidden."""
    if not exact:
        some = made.count(_COUNTED + 1)
        found = int(await con.fetchval(some.text, *some.values))
        if found <= _COUNTED:
            return found
        if made.ground.sight.everything:
            whole = made.count()
            told = msgspec.json.decode(await con.fetchval(f"explain (format json) {whole.text}", *whole.values))
            return max(found, int(told[0]["Plan"]["Plans"][0]["Plan Rows"]))
    counting = made.count()
    return int(await con.fetchval(counting.text, *counting.values))
