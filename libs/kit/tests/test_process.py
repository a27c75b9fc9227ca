"""A service as a process: roles, gentle stop, crashed loops, and the refusal of the other mode."""

import asyncio
import os
import signal
import socket
import ssl
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509

from kit.db import Database
from kit.process import Down, supervise
from kit.sealing import Master
from kit.testing_tls import Authority


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    def __init__(self, process: Process, client: httpx2.AsyncClient) -> None:
        self.process = process
        self.client = client

    async def up(self) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.client.get("/health/live")
                    return
                except httpx2.TransportError:
                    assert self.process.returncode is None, await self.stop()
                    await asyncio.sleep(0.1)

    async def ready(self) -> httpx2.Response:
        return await self.client.get("/health/ready")

    async def stop(self) -> tuple[int, str]:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode or 0, out.decode()


@asynccontextmanager
async def sample(db: Database, role: str, **more: str) -> AsyncIterator[Running]:
    port = a_free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "FVM_DATABASE_URL": db.url,
        "FVM_MODE": "demo",
        "FVM_PORT": str(port),
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sample_service", role, env=environment, stdout=PIPE, stderr=STDOUT
    )
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        try:
            yield Running(process, client)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def notes(db: Database) -> list[str]:
    return [row["event"] for row in await db.pool.fetch("select event from note order by id")]


async def test_a_service_starts_serves_and_stops_in_order(db: Database) -> None:
    async with sample(db, "all", SLOW="0.5") as service:
        await service.up()
        ready = await service.ready()
        slow = asyncio.create_task(service.client.get("/notes"))
        await asyncio.sleep(0.2)
        code, _ = await service.stop()
        answer = await slow

    assert ready.status_code == 200
    assert answer.json() == 2  # a request that is under way is answered before the process ends
    assert code == 0
    assert await notes(db) == ["started", "looped", "stopped"]


async def test_a_service_that_drains_is_unready_but_answers_until_its_time_is_up(db: Database) -> None:
    async with sample(db, "serve", FVM_DRAIN_SECONDS="2") as service:
        await service.up()
        before = await service.client.get("/health/serving")
        stopped = asyncio.create_task(service.stop())
        await asyncio.sleep(0.5)
        unready, answer = await service.ready(), await service.client.get("/notes")
        serving = await service.client.get("/health/serving")
        code, _ = await stopped

    assert (before.status_code, serving.status_code) == (200, 503)
    assert (unready.status_code, unready.json()["checks"]) == (503, {"stopping": "fail"})
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert code == 0


async def test_a_service_serves_over_tls_and_renews_its_certificate(db: Database, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("service", ["127.0.0.1"])
    files = {"FVM_CERTIFICATE": str(pair.certificate), "FVM_KEY": str(pair.key)}
    context = ssl.create_default_context(cafile=authority.ca)

    async def shown(port: int) -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(der).serial_number

    async with sample(db, "serve", **files) as service:
        port = service.client.base_url.port
        async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=context) as client:
            service.client = client
            await service.up()
            assert (await client.get("/notes")).status_code == 200
            assert await shown(port) == pair.serial
            renewed = authority.issue("service", ["127.0.0.1"])
            async with asyncio.timeout(15):
                while await shown(port) != renewed.serial:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            environment = {**os.environ, **files, "FVM_PORT": str(port)}
            check = await asyncio.create_subprocess_exec(sys.executable, "-m", "kit.alive", "ready", env=environment)
            assert await check.wait() == 0


async def test_a_service_with_wrong_settings_says_so_in_a_sentence(db: Database) -> None:
    async with sample(db, "all", FVM_KAFKA_SECURITY="SASL_SSL") as service:
        out, _ = await asyncio.wait_for(service.process.communicate(), 30)

    assert (service.process.returncode, out.decode()) == (
        1,
        "FVM_KAFKA_SECURITY asks for FVM_KAFKA_USER and FVM_KAFKA_PASSWORD.\n",
    )


async def test_a_crashed_loop_is_started_again_and_ready_is_red(db: Database) -> None:
    async with sample(db, "all", CRASH="yes") as service:
        await service.up()
        async with asyncio.timeout(20):
            while (await notes(db)).count("looped") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        ready = await service.ready()
        _, log = await service.stop()

    assert ready.status_code == 503
    assert ready.json()["checks"]["loop loop"] == "fail"
    assert '"loop crashed"' in log
    assert "191212121212" not in log


async def test_a_worker_loops_but_serves_only_health(db: Database) -> None:
    async with sample(db, "worker") as service:
        await service.up()
        assert (await service.client.get("/notes")).status_code == 404
        assert (await service.ready()).status_code == 200
        assert (await service.client.get("/metrics")).status_code == 200

    assert "looped" in await notes(db)


async def test_a_server_does_not_loop(db: Database) -> None:
    async with sample(db, "serve") as service:
        await service.up()
        assert (await service.client.get("/notes")).json() == 1
        await service.stop()

    assert "looped" not in await notes(db)


async def test_a_service_refuses_a_database_of_the_other_mode(db: Database) -> None:
    async with sample(db, "all", FVM_MODE="production", FVM_MASTER_KEY=Master.new()) as service:
        out, _ = await asyncio.wait_for(service.process.communicate(), 30)

    assert service.process.returncode == 1
    assert b"created for a demo region, but the service was started with FVM_MODE=production" in out


async def test_d8_production_does_not_run_without_a_master_key_and_says_so(db: Database) -> None:
    async with sample(db, "serve", FVM_MODE="production") as service:
        out, _ = await asyncio.wait_for(service.process.communicate(), 30)
    assert service.process.returncode == 1
    assert b"FVM_MASTER_KEY is not set (nor FVM_MASTER_KEY_FILE)" in out
    assert b"openssl rand -base64 32" in out
    async with sample(db, "serve", FVM_MODE="production", FVM_MASTER_KEY="c2hvcnQ=") as service:
        out, _ = await asyncio.wait_for(service.process.communicate(), 30)
    assert b"FVM_MASTER_KEY is wrong: a master key is 32 bytes" in out
    assert b"c2hvcnQ" not in out


async def test_a_loop_is_well_again_only_after_it_has_run_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.process._SETTLED", 0.2)
    down, crashes = Down(), 2

    async def loop() -> None:
        nonlocal crashes
        if crashes:
            crashes -= 1
            raise RuntimeError if crashes else asyncio.CancelledError  # the latter: a library's own, let through
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("relay", loop, down, first_pause=0.01))
    await asyncio.sleep(0.1)
    assert down.names() == ["relay"]
    await asyncio.sleep(0.3)
    assert down.names() == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
