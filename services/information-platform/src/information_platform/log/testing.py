"""For tests: rows that are logged, told and heard as a region would. Nothing that ships imports it."""

import json
from datetime import UTC, datetime
from typing import Any

from access import Label
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.logtelling import LogTeller
from fhirserver.telling import sealed
from information_platform.log.collecting import handlers
from information_platform.testing import Region
from kit.caller import Caller, Commission
from kit.events import CloudEvent, from_headers
from kit.outbox import read_headers

NORR, SOLL = "SE0000000001-N", "SE0000000002-S"
WARD = Commission("c-1", "SE0000000001-N1", "Norrby", NORR, "Region Norr", "Läkare")
REVIEW = Commission(
    "c-9",
    "SE0000000001-N1",
    "Norrby",
    NORR,
    "Region Norr",
    "Verksamhetschef",
    "administration",
    frozenset({"log.review"}),
)
ELSEWHERE = Commission(
    "c-8", "SE0000000002-S1", "Sjövik", SOLL, "Hälsoakuten", "Chef", "administration", frozenset({"log.review"})
)
DOCTOR = Caller("SE0000000001-P1", "staff", "journal", "Anna Andersson", commission=WARD)
OBSERVATION = TYPES["Observation"].number


_people = iter(range(1, 1000))


async def a_person(region: Region, **more: Any) -> str:
    """A new Patient of the region."""
    id = f"log-person-{next(_people)}"
    entry = {
        "op": "put", "type": "Patient", "id": id, "version": 1, "updated": "2026-11-01T10:00:00Z",
        "label": {"provider": "", "unit": "", "type": "register", "security": []},
        "resource": {"resourceType": "Patient", "id": id, **more},
    }  # fmt: skip
    data = sealed(json.dumps({"transaction": id, "entries": [entry]}).encode())
    await region.hears("vis.record.v1", CloudEvent(id, "fvm/vis", "x", datetime.now(UTC), data, id))
    return id


async def logs(engine: Engine, *entries: Entry) -> None:
    """These rows are written, as any interaction would."""
    async with engine.db.pool.acquire() as con:
        await engine.log.append(con, entries)


async def a_read(engine: Engine, patient: str, caller: Caller = DOCTOR, activity: str = "read", **more: Any) -> Entry:
    label = await engine.labels.number(engine.db.pool, Label(NORR, WARD.unit, "und", ""))
    about = ((engine.keys.of(f"Patient/{patient}"), OBSERVATION, label),)
    return Entry(caller, activity, about, more.pop("returned", 1), **more)


async def tells(engine: Engine) -> list[CloudEvent]:
    """What the loop told of the log since, as it comes out of Kafka."""
    async with engine.db.pool.acquire() as con:
        while await LogTeller(engine).once(con):
            pass
        rows = await con.fetch("delete from outbox where topic = 'audit.access.v1' returning id, key, headers, value")
    return [
        from_headers(read_headers(row["headers"]), row["key"], row["value"])
        for row in sorted(rows, key=lambda row: row["id"])
    ]


async def hears(engine: Engine, *events: CloudEvent) -> None:
    async with engine.db.transaction() as tx:
        await handlers(engine)["audit.access.v1"](tx, events)


async def collected(engine: Engine, *entries: Entry) -> None:
    """Logged, told and heard."""
    await logs(engine, *entries)
    await hears(engine, *await tells(engine))


async def alarmed(engine: Engine) -> list[str]:
    return [row[0] for row in await engine.db.pool.fetch("select what from log_alarm order by id")]
