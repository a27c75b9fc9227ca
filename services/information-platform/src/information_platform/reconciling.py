"""What the region's record holds of its sources, summed for comparison with them, under the persons it knows."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from fhircore.content import content_hash
from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.sums import Summed, all_sums, grouped, sums_of
from information_platform.persons import said
from kit.ndjson import lines
from kit.operations import Operations, answer, asked

# Told by a source; a Patient is the region's own, composed of those in person_source.
OWN = f"r.sver is not null and r.rtype <> {TYPES['Patient'].number}"
_PAGE = 1_000
_PATIENTS = """
select id, person, version & 1099511627775 as version, body from person_source where id > $1 order by id limit $2"""
_THEIRS = (
    "select id, person, version & 1099511627775 as version, body from person_source where person = any($1::text[])"
)


class Pairs(msgspec.Struct):
    """(type, person) groups."""

    of: list[tuple[str, str]]


class Ids(msgspec.Struct):
    """Patient ids of sources."""

    of: list[str]


def mount(operations: Operations, engine: Engine) -> None:
    """Adds the operator's questions about content to the information platform's operations."""

    async def sums() -> Response:
        """Lines of [type, person, count, sum]; a group may come several times: its parts are added."""
        return lines(grouped(_pages(engine)))

    async def rows(request: Request) -> Response:
        """[[type, person, id, version, hash], …] of the asked groups."""
        wanted = (await asked(request, Pairs)).of
        found = await sums_of(engine, OWN, [group for group in wanted if group[0] != "Patient"])
        persons = [person for name, person in wanted if name == "Patient"]
        found += await _patients(engine, await engine.db.pool.fetch(_THEIRS, persons))
        found = await _under_persons(engine, found)
        return answer([one.told() for one in found])

    async def persons(request: Request) -> Response:
        """{id: person} of the asked ids that are known."""
        return answer(await _persons(engine, (await asked(request, Ids)).of))

    for path, act in (("/sums", sums), ("/rows", rows), ("/persons", persons)):
        operations.router.add_api_route(path, act, methods=["POST"])


async def _pages(engine: Engine) -> AsyncIterator[list[Summed]]:
    """Everything that sources told, under persons."""
    async for page in all_sums(engine, OWN):
        yield await _under_persons(engine, page)
    after = ""
    while rows := await engine.db.pool.fetch(_PATIENTS, after, _PAGE):
        yield await _under_persons(engine, await _patients(engine, rows))
        after = rows[-1]["id"]


async def _patients(engine: Engine, rows: Sequence[Any]) -> list[Summed]:
    bodies = await said.bodies(engine.db.pool, engine.codec, engine.keys, rows)
    return [
        Summed("Patient", row["person"], row["id"], row["version"], content_hash("Patient", row["id"], body))
        for row, body in zip(rows, bodies, strict=True)
    ]


async def _under_persons(engine: Engine, page: Sequence[Summed]) -> list[Summed]:
    """The same under the persons that their patients are now: rows of joined persons are one person's."""
    known = await _persons(engine, sorted({one.patient for one in page if one.patient}))
    return [
        Summed(one.type, known.get(one.patient, one.patient), one.id, one.version, one.hash)
        if known.get(one.patient, one.patient) != one.patient
        else one
        for one in page
    ]


async def _persons(engine: Engine, ids: Sequence[str]) -> dict[str, str]:
    rows = await engine.db.pool.fetch("select id, person from person_link where id = any($1::text[])", list(ids))
    return {row["id"]: row["person"] for row in rows}
