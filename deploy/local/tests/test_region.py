"""The runner with real PostgreSQL, Kafka and Envoy, and four small stand-ins for the services."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fvm import databases, health, pids, ports, services, state
from fvm.part import Running
from fvm.region import Region
from fvm.settings import Settings
from fvm.supervise import Watch
from fvm.trouble import Trouble
from kit import kafka


@pytest.fixture(scope="module")
def _stand_ins() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "SERVICES", tuple(replace(one, module="fake_service") for one in services.SERVICES))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        for variable in ("FVM_POSTGRES_URL", "FVM_KAFKA"):
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    # Not pytest's own folder: that is closed to PostgreSQL's user when we are root.
    data = Path(tempfile.mkdtemp(prefix="fvm-test-region-"))
    data.chmod(0o711)
    doors = ports.settle({}, ("gateway", "mllp"), set())
    yield Settings(
        data,
        "t1",
        gateway_port=doors["gateway"],
        mllp_port=doors["mllp"],
        public_url=f"http://localhost:{doors['gateway']}",
    )
    shutil.rmtree(data)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def region(_stand_ins: None, settings: Settings, said: list[str]) -> Iterator[Region]:
    made = Region(settings, said.append, lambda: False)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_the_gateway_is_ready_when_the_region_has_started(region: Region) -> None:
    assert health.ask(f"{region.settings.gate}/health/ready")[0] == 200
    assert {one.part.name for one in region.running} == {
        "postgres", "kafka", "envoy", "vis", "information", "exchange", "application",
    }  # fmt: skip


def test_each_service_gets_its_own_role_and_no_administrators_door(region: Region) -> None:
    shown = environment(region, "vis")

    assert "t1_vis:" in shown["FVM_DATABASE_URL"]
    assert shown["FVM_DATABASE_URL"].endswith("/t1_vis")
    assert shown["FVM_KAFKA"].startswith("127.0.0.1:")
    assert "FVM_POSTGRES_URL" not in shown
    assert shown["FVM_APPLICATION_URL"] != shown["FVM_VIS_URL"]


async def test_a_role_may_not_enter_another_services_database(region: Region) -> None:
    own = environment(region, "vis")["FVM_DATABASE_URL"]

    connection = await databases.connect(own)
    await connection.execute("create table thing (id int)")
    await connection.close()
    with pytest.raises(Trouble, match="refuses"):
        await databases.connect(own.replace("/t1_vis", "/t1_information"))


async def test_the_regions_topics_are_on_the_broker(region: Region) -> None:
    bootstrap = environment(region, "vis")["FVM_KAFKA"]
    producer = kafka.Producer(bootstrap)
    await producer.start()
    try:
        partitions = await producer._producer.partitions_for("t1.vis.record.v1")  # type: ignore[union-attr]
    finally:
        await producer.stop()

    assert len(partitions) == 6


def test_a_second_runner_of_the_same_folder_is_refused(region: Region) -> None:
    with state.alone(region.places), pytest.raises(state.AlreadyRunning), state.alone(region.places):
        pytest.fail("two runners held the same data folder")


def test_a_taken_gateway_port_is_said_before_anything_starts(region: Region, tmp_path: Path) -> None:
    second = Region(replace(region.settings, data=tmp_path), lambda line: None, lambda: False)

    with pytest.raises(Trouble, match=f"Port {region.settings.gateway_port}"):
        second.start()

    assert second.running == []
    assert not (tmp_path / "postgres").exists()


def test_a_service_that_is_killed_is_started_again_and_it_is_said(region: Region, said: list[str]) -> None:
    watch = Watch(region, said.append)
    before = environment_of(region, "exchange")["pid"]
    os.kill(before, signal.SIGKILL)

    until(lambda: bool(watch.look()) or said[-1].startswith("exchange was started again"))
    until(lambda: environment_of(region, "exchange").get("pid", before) != before)

    assert any("exchange was killed by signal 9" in line for line in said)


def test_what_a_crashed_runner_left_behind_is_stopped_and_the_data_is_kept(region: Region, said: list[str]) -> None:
    left = list(region.running)
    ports_before = dict(region.memory.ports)
    crashed_region_forgets(region)
    said.clear()

    region.start()

    assert sorted(line.split()[0] for line in said if "left behind" in line) == sorted(one.part.name for one in left)
    assert all(one.exited() is not None for one in left)
    assert region.memory.ports == ports_before
    assert asyncio.run(has_thing(environment(region, "vis")["FVM_DATABASE_URL"]))


def test_stopping_leaves_no_process_and_no_pid_file(region: Region) -> None:
    running = list(region.running)

    region.stop()

    assert all(one.exited() is not None for one in running)
    assert pids.read(region.places.run) == []


def crashed_region_forgets(region: Region) -> None:
    """As if the runner had been killed: its children live, nobody knows them but their pid files."""
    region.running.clear()


async def has_thing(url: str) -> bool:
    connection = await databases.connect(url)
    try:
        return bool(await connection.fetchval("select to_regclass('thing') is not null"))
    finally:
        await connection.close()


def environment_of(region: Region, name: str) -> dict[str, Any]:
    _, body = health.ask(f"http://127.0.0.1:{region.memory.ports[name]}/environment")
    return body or {}


def environment(region: Region, name: str) -> dict[str, str]:
    found: dict[str, str] = environment_of(region, name)["environment"]
    return found


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_part_that_ends_while_it_starts_is_told_with_its_last_words(tmp_path: Path) -> None:
    from fvm.part import Part

    running = Running(Part("small", ("sh", "-c", "echo no such thing; exit 3")), tmp_path / "logs", tmp_path / "run")

    with pytest.raises(Trouble, match=r"(?s)small ended with status 3.*no such thing"):
        running.wait_until(lambda: False, 5)
