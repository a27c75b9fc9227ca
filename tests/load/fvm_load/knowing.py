"""Patient relations and active choices of the staff who read while measuring, loaded as the information platform would tell them.

Without them staff in care are shown nothing. What another care provider wrote stays withheld (403 law/need-consent, or 404 where
providers do not share), as `stock.mixed` counts on.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from access import Choice, Facts, Relation
from fhirserver.facts import put_facts
from fhirserver.keys import Keys
from fvm_load.tokens import Staff

_HOURS = 6  # longer than any measurement
_STORES = ("vis", "information")


def facts_for(staff: Sequence[Staff], version: int, now: datetime) -> Facts:
    """Every unit of these staff has a relation, and each of their sessions has made its choice."""
    until = now + timedelta(hours=_HOURS)
    said = [_claims(one.token) for one in staff]
    units = sorted({claims["fvm"]["commission"]["unit"] for claims in said})
    sessions = sorted({claims["sid"] for claims in said if "sid" in claims})
    return Facts(
        version,
        relations=tuple(Relation(unit, now, until) for unit in units),
        choices=tuple(Choice(session, until) for session in sessions),
    )


async def acquaint(databases: Mapping[str, str], staff: Sequence[Staff], patients: Sequence[str]) -> int:
    """These staff know these patients ("Patient/id") in each store of `databases` (URLs by service); how many facts were
    stored. Whatever else was decided of these patients is left out until it is told again: for measuring only."""
    stored, now = 0, datetime.now(UTC)
    for url in (databases[name] for name in _STORES if name in databases):
        con = await asyncpg.connect(url)
        try:
            keys = Keys(bytes(await con.fetchval("select hash_key from region")))
            async with con.transaction():
                for patient in patients:
                    key = keys.of(patient)
                    standing = await con.fetchval("select version from access_fact where pat = $1", key) or 0
                    stored += await put_facts(con, [key], facts_for(staff, standing + 1, now))
        finally:
            await con.close()
    return stored


def _claims(token: str) -> dict[str, Any]:
    """What a token says; it was given to us, so nobody needs to verify it."""
    body = token.split(".")[1]
    found: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found
