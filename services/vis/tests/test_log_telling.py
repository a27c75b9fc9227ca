"""What was logged in VIS is told to the region within a second or two, by a loop that no reader waits for (D7)."""

import ast
import asyncio
from pathlib import Path
from typing import Any

import httpx2

from fhirserver.activities import ACTIVITIES, PURPOSES
from fhirserver.engine import Engine
from fhirserver.logtelling import LogTeller, unpacked

SOURCES = Path(__file__).parents[3]
_TOLD = "select headers, value from outbox where topic = 'audit.access.v1' order by id"


async def told(engine: Engine) -> list[Any]:
    return [unpacked(bytes(row["value"])) for row in await engine.db.pool.fetch(_TOLD)]


async def test_a_read_is_told_with_the_id_of_its_patient(ward: Any, doctor: httpx2.AsyncClient, engine: Engine) -> None:
    """LOG-09: queued by the commit that logs it; in order per chain, each batch once."""
    patient = await ward.patient()
    assert (await doctor.get(f"/Patient/{patient}")).status_code == 200
    loops = [asyncio.create_task(LogTeller(engine).run()) for _ in range(2)]  # of two processes
    try:
        async with asyncio.timeout(20):
            while await engine.db.pool.fetchval("select count(*) from access_untold"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    found = await told(engine)

    assert {one.source for one in found} == {"fvm/vis"}
    assert any(patient in one.patients.values() for one in found)
    places = [(one.chain, one.seq) for one in found]
    assert len(places) == len(set(places)) == await engine.db.pool.fetchval("select count(*) from access_chain")
    for chain in {chain for chain, _ in places}:
        assert [seq for other, seq in places if other == chain] == sorted(
            seq for other, seq in places if other == chain
        )


def test_every_activity_in_the_code_has_its_word() -> None:
    """LOG-05, LOG-07: one list of words; whoever logs something new adds it there."""
    used = set()
    for path in (*SOURCES.glob("libs/*/src/**/*.py"), *SOURCES.glob("services/*/src/**/*.py")):
        if "fhirserver.accesslog import" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry"
            if named and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                used.add(node.args[1].value)

    assert len(used) > 10
    assert used <= set(ACTIVITIES)


def test_activity_types_and_purposes_are_the_national_ones() -> None:
    """LOG-05, LOG-06."""
    types = {"Läsa", "Skriva", "Signera", "Utskrift", "Vidimera", "Radera", "Nödöppning"}
    purposes = {
        "Vård och behandling", "Kvalitetssäkring", "Annan dokumentation enligt lag", "Statistik", "Administration",
        "Kvalitetsregister",
    }  # fmt: skip
    assert {one.kind for one in ACTIVITIES.values()} == types
    assert set(PURPOSES.values()) == purposes | {"Egen åtkomst"}
