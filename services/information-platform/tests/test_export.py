"""The region's record is exported as VIS is; nothing is imported there."""

import asyncio
import json

import httpx2

from fhirserver.engine import Engine
from fhirserver.operations.working import Jobs


async def test_the_regions_record_is_exported(bench: httpx2.AsyncClient, engine: Engine) -> None:
    made = await bench.post("/ValueSet", json={"resourceType": "ValueSet", "status": "active", "name": "Exported"})
    assert made.status_code == 201, made.text
    kicked = await bench.get("/$export?_type=ValueSet", headers={"prefer": "respond-async"})
    task = asyncio.create_task(Jobs(engine).run())
    for _ in range(100):
        answer = await bench.get(kicked.headers["content-location"])
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    [file] = answer.json()["output"]
    [line] = (await bench.get(file["url"])).text.splitlines()
    assert json.loads(line) == made.json()


async def test_nothing_is_imported_there(bench: httpx2.AsyncClient) -> None:
    answer = await bench.post("/$import", content=b"{}", headers={"content-type": "application/fhir+ndjson"})

    assert answer.status_code == 405
    assert "/vis/fhir" in answer.text
