"""A machine that fails: its disks are full, its clocks are set, certificates run out; what was acknowledged is there, and it is said why.

A region of its own: PostgreSQL and Kafka on small file systems (as root; elsewhere those tests are skipped), Kafka and HL7 v2 over
TLS, and a clock that can be set without touching the machine's (clock.c, preloaded; skipped where no C compiler is).
The traffic begins before the first fault and is looked through after the last.
"""

import asyncio
import os
import shutil
import signal
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fvm import kafka, postgres
from kit.testing_tls import Authority

POSTGRES_MB, KAFKA_MB = 320, 96
SMALL_WAL = {"max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "128MB"}
FULL_FOR = 3.0  # seconds after the first complaint
LIVES = 12.0  # seconds that a certificate lives which is to run out
STEP = 3 * 3600  # seconds: longer than the tokens of the traffic live

Until = Callable[..., Awaitable[Any]]
Ready = Callable[[Any], Awaitable[None]]


@dataclass
class Machine:
    """What a test may do to it: fill a disk, set a clock, hand out certificates."""

    folder: Path
    authority: Authority
    disks: bool = False
    clocks: bool = False
    house: Any = field(default=None)

    def context(self, minutes: float) -> ssl.SSLContext:
        """How a system reaches the HL7 v2 port, with a certificate that lives this long."""
        context = ssl.create_default_context(cafile=self.authority.ca)
        own = self.authority.issue("lims", minutes=minutes)
        context.load_cert_chain(own.certificate, own.key)
        return context

    def broker_certificate(self, minutes: float) -> None:
        """Kafka reads it when it is started."""
        pair = self.authority.issue("kafka", ["127.0.0.1"], minutes=minutes)
        (self.folder / "kafka.pem").write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())

    def fill(self, disk: str) -> None:
        with (self.folder / disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while ballast.write(bytes(65536)):
                pass

    def make_room(self, disk: str) -> None:
        (self.folder / disk / "ballast").unlink()

    def set(self, *, services: int, database: int) -> None:
        """Seconds by which their clocks are ahead of the machine's."""
        for name, seconds in (("services", services), ("database", database)):
            with (self.folder / f"{name}.clock").open("r+b", buffering=0) as clock:
                clock.write(struct.pack("q", seconds))

    def mount(self) -> None:
        for name, megabytes in (("postgres", POSTGRES_MB), ("kafka", KAFKA_MB)):
            place = self.folder / name
            place.mkdir()
            options = f"size={megabytes}m,mode=755"
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
            )
            if done.returncode:
                self.unmount()
                return
        self.disks = True

    def unmount(self) -> None:
        for name in ("postgres", "kafka"):
            subprocess.run(["umount", "-l", str(self.folder / name)], capture_output=True, check=False)
        self.disks = False

    def make_clocks(self) -> None:
        compiler, library = shutil.which("cc"), self.folder / "clock.so"
        if compiler is None:
            return
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        for name in ("services", "database"):
            (self.folder / f"{name}.clock").write_bytes(struct.pack("q", 0))
        self.clocks = True

    def clock(self, name: str) -> dict[str, str]:
        """The environment of a program with this clock."""
        if not self.clocks:
            return {}
        return {"LD_PRELOAD": str(self.folder / "clock.so"), "FVM_TEST_CLOCK": str(self.folder / f"{name}.clock")}

    def environment(self) -> dict[str, str]:
        own = self.authority.issue("exchange", ["127.0.0.1"], minutes=600)
        return {
            "FVM_DEMO": "no",
            "FVM_MLLP_CERTIFICATE": str(own.certificate), "FVM_MLLP_KEY": str(own.key),
            "FVM_MLLP_CLIENTS": str(self.authority.ca),
            "FVM_KAFKA_SECURITY": "SSL", "FVM_KAFKA_CA": str(self.authority.ca),
            **self.clock("services"),
        }  # fmt: skip

    def prepare(self, house: Any) -> None:
        """Puts the stores' folders on their disks."""
        self.house = house
        house.tls = self.context(600)
        if self.disks:
            (self.folder / "kafka" / "files").mkdir()
            for name, inside in (("postgres", "cluster"), ("kafka", "files")):
                (house.settings.data / name).symlink_to(self.folder / name / inside)


@pytest.fixture(scope="module")
def machine(new_house: Any) -> Iterator[Machine]:
    """The region, running."""
    folder = Path(tempfile.mkdtemp(prefix="fvm-test-frail-"))
    folder.chmod(0o755)
    found = Machine(folder, Authority(folder / "certificates", minutes=600))
    patch = pytest.MonkeyPatch()
    try:
        found.broker_certificate(600)
        found.make_clocks()
        if os.geteuid() == 0:
            found.mount()
        bare, plain = postgres._bare_env, kafka.Broker._settings
        patch.setattr(postgres, "_bare_env", lambda: {**bare(), **found.clock("database")})
        patch.setattr(postgres, "DURABLE", {**postgres.DURABLE, **SMALL_WAL})
        patch.setattr(kafka.Broker, "_settings", lambda self, data: _over_tls(plain(self, data), found))
        with new_house(found.environment(), found.prepare):
            yield found
    finally:
        patch.undo()
        found.unmount()
        shutil.rmtree(folder, ignore_errors=True)


def _over_tls(settings: dict[str, str], machine: Machine) -> dict[str, str]:
    """The broker's listener with our certificate."""
    safe = {name: value.replace("PLAINTEXT://", "SSL://") for name, value in settings.items()}
    return {
        **safe,
        "listener.security.protocol.map": "SSL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SSL",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": str(machine.folder / "kafka.pem"),
        "ssl.truststore.type": "PEM", "ssl.truststore.location": str(machine.authority.ca),
    }  # fmt: skip


@pytest.fixture(scope="module")
async def traffic(machine: Machine, traffic_in: Any) -> AsyncIterator[Any]:
    found = traffic_in(machine.house)
    found.begin()
    await found.goes_on()
    yield found
    found.cancel()


@pytest.fixture
def disks(machine: Machine) -> Machine:
    if not machine.disks:
        pytest.skip("only root may mount the small file systems that this fills")
    return machine


@pytest.fixture
def clocks(machine: Machine) -> Machine:
    if not machine.clocks:
        pytest.skip("there is no C compiler (cc) for the clock that this sets")
    return machine


async def _says(house: Any, browser: Any, words: str) -> None:
    page = await house.page(browser)
    assert words in page, page


async def _found(house: Any, words: str) -> None:
    doctor = await house.doctor()
    assert words in doctor, doctor


async def test_the_disk_of_postgresql_is_full(disks: Machine, traffic: Any, until: Until, ready: Ready) -> None:
    house, refused = disks.house, sum(traffic.again.values())
    disks.fill("postgres")

    async def felt() -> None:
        assert sum(traffic.again.values()) > refused + 5

    await until(felt, 40)
    await until(lambda: _found(house, f"MB free at {disks.folder}/postgres"), 10)
    doctor = await house.doctor()
    assert f"disk: 0 MB free at {disks.folder}/postgres" in doctor
    assert "its disk is full" in doctor or "the disk is full" in doctor, doctor
    await asyncio.sleep(FULL_FOR)
    disks.make_room("postgres")
    house.revive("postgres")
    await ready(house)
    await traffic.goes_on()


async def test_the_disk_of_kafka_is_full_and_care_goes_on(
    disks: Machine, traffic: Any, until: Until, ready: Ready
) -> None:
    house, began = disks.house, time.monotonic()
    browser = await house.operator()
    disks.fill("kafka")
    await until(lambda: _says(house, browser, "Kafka nås inte av någon del."), 60)
    await until(lambda: _found(house, "kafka: does not run: its disk is full"), 30)
    assert f"disk: 0 MB free at {disks.folder}/kafka" in await house.doctor()
    await traffic.goes_on()
    assert traffic.longest_silence(began) < 15
    disks.make_room("kafka")
    house.revive("kafka")
    await ready(house)
    await traffic.goes_on()


async def test_the_certificate_of_a_system_runs_out(machine: Machine, traffic: Any, until: Until) -> None:
    house = machine.house
    browser = await house.operator()
    house.tls = machine.context(LIVES / 60)
    traffic.hang_up()
    await traffic.goes_on(LIVES)
    try:
        await asyncio.sleep(LIVES)
        await traffic.goes_on()  # who is connected goes on
        traffic.hang_up()
        await until(
            lambda: _says(house, browser, "nekades den senaste minuten, avsändarens certifikat har gått ut."), 30
        )
        await _says(house, browser, "HL7 v2 (MLLP): ")
        await _found(
            house, "peers turned away in the last minute (certificate: expired) → docs/how-to/runbooks/peers-are"
        )
        assert "(expired)" in await house.lag()
        silent = dict(traffic.acknowledged)
        await asyncio.sleep(1)
        assert dict(traffic.acknowledged) == silent, "somebody was let in"
    finally:
        house.tls = machine.context(600)
    await traffic.goes_on()


async def test_the_certificate_of_kafka_runs_out(machine: Machine, traffic: Any, until: Until, ready: Ready) -> None:
    house = machine.house
    browser = await house.operator()
    machine.broker_certificate(2 * LIVES / 60)
    expires = time.monotonic() + 2 * LIVES
    house.tell("kafka", signal.SIGTERM)
    try:
        await asyncio.sleep(max(0.0, expires - time.monotonic()))
        house.kill("vis")  # who has not been connected since looks at it
        await until(lambda: _says(house, browser, "Kafkas certifikat har gått ut."), 60)
        words = "kafka of vis: Kafka's certificate has expired → docs/how-to/runbooks/kafka-is-away.md"
        await until(lambda: _found(house, words), 30)
        assert "Kafka's certificate has expired" in await house.lag()
        await traffic.goes_on()
    finally:
        machine.broker_certificate(600)
        with suppress(ProcessLookupError):
            house.tell("kafka", signal.SIGTERM)
    house.revive("kafka")
    await ready(house)
    await traffic.goes_on()


async def test_all_clocks_are_set_forwards_and_back(clocks: Machine, traffic: Any, until: Until, ready: Ready) -> None:
    for seconds in (STEP, -STEP, 0):
        clocks.set(services=seconds, database=seconds)
        await traffic.goes_on()
        await ready(clocks.house)
        browser = await clocks.house.operator()
        page = await clocks.house.page(browser)
        assert "klockan" not in page, page
    assert traffic.again["VIS: 401"] > 0, "the tokens of before were still good: the clocks did not move"


async def test_a_clock_that_only_the_database_has_right_is_told(
    clocks: Machine, traffic: Any, until: Until, ready: Ready
) -> None:
    for seconds, page, doctor in (
        (STEP, "VIS: klockan går 3 timmar före databasens.", "clock of vis: 3 h ahead of its database's"),
        (-STEP, "VIS: klockan går 3 timmar efter databasens.", "clock of vis: 3 h behind its database's"),
    ):
        clocks.set(services=seconds, database=0)
        await traffic.goes_on()
        browser = await clocks.house.operator()
        await until(lambda said=page, by=browser: _says(clocks.house, by, said), 20)
        await _found(clocks.house, doctor)
    clocks.set(services=0, database=0)
    await ready(clocks.house)
    await traffic.goes_on()


async def test_all_that_was_acknowledged_meanwhile_is_there_once_and_in_order(
    machine: Machine, traffic: Any, until: Until
) -> None:
    await traffic.end()
    print(f"traffic: {sum(traffic.acknowledged.values())} messages, {len(traffic.answered)} answers, {traffic.again}")
    machine.house.forget_tokens()
    assert min(traffic.acknowledged.values()) > 10
    await traffic.arrived(until)
