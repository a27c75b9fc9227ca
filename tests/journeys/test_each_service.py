"""Each service stands alone: on its own port it says how it is, what it counts, and what it can do."""

from typing import Any

import httpx2
import pytest

SERVICES = ("vis", "information", "exchange", "application")


async def asked(region: Any, service: str, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.get(f"http://127.0.0.1:{region.ports[service]}{path}")


@pytest.mark.parametrize("service", SERVICES)
async def test_it_is_live_and_ready_and_ready_has_asked_the_database_and_the_broker(region: Any, service: str) -> None:
    assert (await asked(region, service, "/health/live")).status_code == 200
    ready = await asked(region, service, "/health/ready")
    assert ready.status_code == 200
    assert {"database", "kafka"} <= set(ready.json()["checks"])


@pytest.mark.parametrize("service", SERVICES)
async def test_it_counts_for_prometheus(region: Any, service: str) -> None:
    answer = await asked(region, service, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    assert all(float(line.rpartition(" ")[2]) is not None for line in lines)


@pytest.mark.parametrize("service", SERVICES)
async def test_it_describes_itself_as_openapi(region: Any, service: str) -> None:
    described = (await asked(region, service, "/openapi.json")).json()
    assert described["openapi"].startswith("3.")
    assert described["paths"]


@pytest.mark.parametrize("service", SERVICES)
async def test_it_has_a_database_of_its_own_which_no_other_role_may_enter(region: Any, service: str) -> None:
    database = await region.database(service)
    try:
        assert await database.fetchval("select current_user") == f"fvm_{service}"
        assert await database.fetchval("select current_database()") == f"fvm_{service}"
        others = [f"fvm_{other}" for other in SERVICES if other != service]
        may = await database.fetch(
            "select has_database_privilege(name, 'connect') from unnest($1::text[]) name", others
        )
        assert [row[0] for row in may] == [False] * 3
    finally:
        await database.close()


async def test_internal_doors_and_metrics_are_not_at_the_gateway(region: Any) -> None:
    async with region.client() as client:
        for path in ("/metrics", "/internal/demo-people", "/openapi.json", "/health/live", "/internal/persons/find"):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.get("/health/ready")).status_code == 200
