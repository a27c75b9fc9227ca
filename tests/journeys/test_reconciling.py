"""The region's record says what its sources say; where a copy was lost or spoiled it is found, and mended from the source."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from fvm import asking, state
from fvm.asking import Services
from fvm.commands.resend import send
from fvm.comparing import Compared, Comparison
from integration_platform.testing import an_oru

pytestmark = pytest.mark.journey


@pytest.fixture
def services(region: Any, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The operator's view of the tests' region, which has no runner of its own."""
    monkeypatch.setattr(asking.state, "runner", lambda places: state.RUNNER)
    return Services(region.settings)


async def compared(services: Services) -> Compared:
    return await asyncio.to_thread(Comparison(services, lambda _line: None).run)


@pytest.fixture
async def patient(region: Any, until: Callable[..., Awaitable[Any]]) -> str:
    """A patient with three values in VIS, arrived in the region's record."""
    id = f"rec-{uuid4().hex[:12]}"
    entries = [{"resourceType": "Patient", "id": id, "name": [{"family": "Avstämning"}]}]
    entries += [
        {"resourceType": "Observation", "id": f"{id}-{n}", "status": "final", "code": {"text": "P-Kalium"},
         "subject": {"reference": f"Patient/{id}"}, "valueQuantity": {"value": n, "unit": "mmol/L"}}
        for n in range(3)
    ]  # fmt: skip
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in entries
        ],
    }
    async with region.client() as bench:
        answer = await bench.post("/vis/fhir", json=bundle)
        assert answer.status_code == 200, answer.text

        async def arrived() -> None:
            for n in range(3):
                assert (await bench.get(f"/fhir/Observation/{id}-{n}")).status_code == 200

        await until(arrived)
    return id


def of(found: Compared, id: str) -> set[tuple[str, str]]:
    """The differences about these resources."""
    return {(one.kind, one.id) for one in found.differences if one.id.startswith(id)}


async def test_what_is_lost_spoiled_or_not_deleted_is_found_and_mended(
    region: Any, services: Services, patient: str, until: Callable[..., Awaitable[Any]]
) -> None:
    assert of(await compared(services), patient) == set()
    record, work = await region.database("information"), await region.database("vis")
    await record.execute("delete from res where id = $1", f"{patient}-0")
    await record.execute(
        "update res set body = (select body from res other where other.id = $2) where id = $1",
        f"{patient}-1",
        f"{patient}-2",
    )
    await work.execute(  # a deletion that was never told
        "with gone as (delete from res where id = $1 returning *) insert into hist (key, ver, upd, pat, lab, rtype, op, id)"
        " select key, ver + 1, upd, pat, lab, rtype, 'D', id from gone",
        f"{patient}-2",
    )
    await record.close()
    await work.close()

    found = await compared(services)

    assert of(found, patient) == {
        ("missing", f"{patient}-0"), ("differs", f"{patient}-1"), ("only in the region", f"{patient}-2"),
    }  # fmt: skip
    wanted = [(one.type, one.id) for one in found.differences if one.id.startswith(patient)]
    said = await asyncio.to_thread(send, services, wanted, [])
    assert "2 resources and 1 deletions" in said[0]

    async def mended() -> None:
        assert of(await compared(services), patient) == set()

    await until(mended, 20)
    async with region.client() as bench:
        assert (await bench.get(f"/fhir/Observation/{patient}-1")).json()["valueQuantity"]["value"] == 1
        assert (await bench.get(f"/fhir/Observation/{patient}-2")).status_code == 410


def groups_of(services: Services) -> list[tuple[str, str]]:
    """What Exchange has told, by type and patient."""
    return [(line[0], line[1]) for line in services.lines("exchange", "/sums", {}) if line is not None]


async def test_what_a_system_told_is_translated_and_told_once_more(
    region: Any, services: Services, until: Callable[..., Awaitable[Any]]
) -> None:
    control = f"rec-{uuid4().hex[:8]}"
    head, *rest = an_oru().split("\r")
    fields = head.split("|")
    fields[9] = control
    assert "MSA|AA|" in await region.say("\r".join(["|".join(fields), *rest]))
    exchange, record = await region.database("exchange"), await region.database("information")
    number = await exchange.fetchval("select id from message where control_id = $1", control)
    await exchange.close()

    async def told() -> str:
        """One of the results that this message told, as the region has it."""
        groups = [(name, id) for name, id in await asyncio.to_thread(groups_of, services) if name == "Observation"]
        rows = await asyncio.to_thread(services.post, "exchange", "/rows", {"of": groups})
        [id, *_] = [row[2] for row in rows if row[3] == number]
        assert await record.fetchval("select count(*) from res where id = $1", id) == 1
        return str(id)

    lost = await until(told, 20)
    await record.execute("delete from res where id = $1", lost)

    found = await compared(services)
    missing = [one for one in found.differences if one.id == lost]
    assert [(one.kind, one.source, one.version) for one in missing] == [("missing", "exchange", number)]
    await asyncio.to_thread(send, services, [], [number])

    async def back() -> None:
        assert await record.fetchval("select count(*) from res where id = $1", lost) == 1

    await until(back, 20)
    await record.close()
