"""A source that was restored tells a higher epoch, and its word counts again; a copy that was spoiled is mended by the same
version told once more."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from fhirserver.engine import Engine
from fhirserver.telling import sealed
from information_platform.testing import Region
from kit.events import CloudEvent


async def hears(region: Region, id: str, text: str, version: int, *, epoch: int | None = None, **more: Any) -> None:
    """VIS says that an observation has this text in this version (of this epoch; none said: the first)."""
    entry = {
        "op": "put", "type": "Observation", "id": id, "version": version, "updated": "2026-11-01T10:00:00Z",
        "label": {"provider": "SE-A", "unit": "SE-A-1", "type": "und", "security": []},
        "resource": {"resourceType": "Observation", "id": id, "status": "final", "valueString": text}, **more,
    }  # fmt: skip
    record = {"transaction": str(uuid4()), "entries": [entry], **({} if epoch is None else {"epoch": epoch})}
    event = CloudEvent(str(uuid4()), "fvm/vis", "x", datetime.now(UTC), sealed(json.dumps(record).encode()), id)
    await region.hears("vis.record.v1", event)


async def text(bench: httpx2.AsyncClient, id: str) -> str:
    return str((await bench.get(f"/Observation/{id}")).json()["valueString"])


async def test_a_lower_version_of_a_higher_epoch_is_newer_and_the_old_epoch_never_comes_back(
    region: Region, bench: httpx2.AsyncClient
) -> None:
    await hears(region, "e1", "before the disaster", 7)
    await hears(region, "e1", "after the restore", 3, epoch=2)
    after = await text(bench, "e1")
    await hears(region, "e1", "late, of the first epoch", 9, epoch=1)
    await hears(region, "e1", "older of the second", 2, epoch=2)

    assert after == await text(bench, "e1") == "after the restore"


async def test_the_same_version_told_again_mends_a_spoiled_copy_and_otherwise_changes_nothing(
    region: Region, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    await hears(region, "e2", "right", 4)
    await hears(region, "e2", "wrong", 4)  # the same version is the same fact: taken once
    kept = await text(bench, "e2")
    spoiled = engine.codec.pack(b'{"resourceType":"Observation","id":"e2","status":"final","valueString":"spoiled"}')
    await engine.db.pool.execute("update res set body = $1 where id = 'e2'", spoiled)
    await hears(region, "e2", "right", 4, again=True)
    mended = await text(bench, "e2")
    await hears(region, "e2", "older", 3, again=True)

    assert (kept, mended, await text(bench, "e2")) == ("right", "right", "right")
