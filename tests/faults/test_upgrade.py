"""A service is replaced by its next version while traffic runs: expand, deploy, contract; and two regions share their stores.

The versions are copies of VIS with one more table each, made here: version 1 writes a column, version 2 another one, and the
migration between them keeps both alike until nobody writes the first any more. No region of the other faults is touched.
"""

import asyncio
import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

import vis
from fvm import databases, health, ports, services, topics
from fvm.commands.setup import CONNECTIONS
from fvm.memory import Memory
from fvm.part import Part, Running
from fvm.settings import Settings
from gateway import envoy
from gateway.render import write
from gateway.settings import GatewaySettings

TABLE = '''"""A table of version 1."""

from alembic import op

revision, down_revision = "{this}", "{last}"


def upgrade() -> None:
    op.execute("create table upgrade_note (id bigint generated always as identity, word text)")
'''
EXPAND = '''"""The word is to be called text: both are there, and alike."""

from alembic import op

revision, down_revision = "{this}", "{last}"


def upgrade() -> None:
    op.execute("alter table upgrade_note add column text text")
    op.execute("""create function upgrade_alike() returns trigger language plpgsql as $$ begin
        new.text := coalesce(new.text, new.word); new.word := coalesce(new.word, new.text); return new; end $$""")
    op.execute("create trigger alike before insert on upgrade_note for each row execute function upgrade_alike()")
    op.execute("update upgrade_note set text = word where text is null")
'''
CONTRACT = '''"""Nobody writes the word any more."""

from alembic import op

revision, down_revision = "{this}", "{last}"


def upgrade() -> None:
    op.execute("drop trigger alike on upgrade_note")
    op.execute("drop function upgrade_alike")
    op.execute("alter table upgrade_note drop column word")
'''
# Every process of a version writes its own column, and says in every answer which version it is.
VERSION = """

import asyncio as _asyncio

_whole = build


def build(settings):
    service = _whole(settings)
    inner = service.app

    async def app(scope, receive, send):
        async def telling(message):
            if message["type"] == "http.response.start":
                message = {{**message, "headers": [*message["headers"], (b"fvm-version", b"{version}")]}}
            await send(message)

        await inner(scope, receive, telling)

    async def notes():
        while True:
            async with service.db.transaction() as tx:
                await tx.exec_driver_sql("insert into upgrade_note ({column}) values ('{version}')")
            await _asyncio.sleep(0.05)

    service.app = app
    service.loops_everywhere = [*service.loops_everywhere, notes]
    return service
"""
CLIENTS, PAUSE = 4, 0.02


class Shared:
    """One region of few processes on a PostgreSQL and a Kafka that others use too."""

    def __init__(self, folder: Path, name: str, postgres: str, kafka: str) -> None:
        picked = ports.settle({}, ("gateway", "mllp", "vis-next", *(one.name for one in services.SERVICES)), set())
        self.folder, self.name, self.kafka, self.ports = folder / name, name, kafka, picked
        public = f"http://127.0.0.1:{picked['gateway']}"
        self.settings = Settings(self.folder, region=name, gateway_port=picked["gateway"], mllp_port=picked["mllp"],
                                 public_url=public, postgres_url=postgres, kafka=kafka)  # fmt: skip
        self.admin, self.memory = databases.Admin(postgres, ours=False), Memory()
        self.running: list[Running] = []

    async def prepare(self) -> None:
        names = [one.database(self.name) for one in services.SERVICES]
        await databases.prepare(self.admin, self.memory, names, most=CONNECTIONS)
        await topics.apply(self.kafka, self.name, topics.load())

    def url(self, service: str) -> str:
        role = f"{self.name}_{service}"
        return self.admin.url_for(role, self.memory.password(role))

    def part(self, service: str, role: str = "all", *, as_part: str = "", **environment: str) -> Part:
        known = next(one for one in services.SERVICES if one.name == service)
        part = services.part(known, self.settings, self.ports, self.url(service), self.kafka)
        return dataclasses.replace(
            part, name=as_part or service, command=(*part.command, role), env={**part.env, **environment}
        )

    def start(self, part: Part) -> Running:
        self.running.append(Running(part, self.folder / "logs", self.folder / "run"))
        return self.running[-1]

    def start_gateway(self, **urls: str) -> None:
        settings = GatewaySettings(
            public_url=self.settings.public_url, gateway_port=self.ports["gateway"], gateway_log="stdout", **urls
        )
        (self.folder / "envoy").mkdir(parents=True)
        write(settings, self.folder / "envoy" / "envoy.yaml")
        self.start(Part("envoy", tuple(envoy.command(settings, self.folder / "envoy" / "envoy.yaml"))))

    def token(self, who: str = "bench") -> str:
        status, body = health.post(f"http://127.0.0.1:{self.ports['application']}/internal/demo-token", {"who": who})
        assert status == 200, body
        return str(body["access_token"])

    def complaints(self) -> str:
        """What the processes wrote of warnings and errors; a topic is still being made while the first look for it."""
        lines = [
            f"{log.stem}: {line}"
            for log in sorted((self.folder / "logs").glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()
            if re.search(r'"level": "(warning|error|critical)"|Traceback|FATAL|"status":5', line)
        ]
        return "\n".join(lines)

    async def answers(self, address: str, seconds: float = 120) -> None:
        """Waits until that door is well; a process that has ended meanwhile says its last words."""
        end = time.monotonic() + seconds
        while health.ask(address)[0] != 200:
            ended = {one.part.name: one.last_words(20) for one in self.running if one.exited()}
            assert not ended, ended
            assert time.monotonic() < end, f"{address}: {health.ask(address)}\n{self.complaints()}"
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        for one in reversed(self.running):
            await asyncio.to_thread(one.end)
        await databases.drop(self.admin, self.memory, [one.database(self.name) for one in services.SERVICES])
        with suppress(Exception):
            await topics.drop(self.kafka, self.name, topics.load())


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="fvm-test-upgrade-"))
    try:
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


def version(folder: Path, number: int, column: str, migrations: list[str]) -> str:
    """A copy of VIS that says its version, with further migrations; the PYTHONPATH that finds it first."""
    there = folder / f"v{number}"
    shutil.copytree(Path(vis.__file__).parent, there / "vis", ignore=shutil.ignore_patterns("__pycache__"))
    with (there / "vis/main.py").open("a") as code:
        code.write(VERSION.format(version=f"v{number}", column=column))
    last = max(
        re.findall(r"^(\d{4})_", "\n".join(one.name for one in (there / "vis/migrations").iterdir()), re.MULTILINE)
    )
    for text in migrations:
        this = f"{int(last) + 1:04}"
        (there / f"vis/migrations/{this}_upgrade.py").write_text(text.format(this=this, last=last))
        last = this
    return os.pathsep.join(filter(None, (str(there), os.environ.get("PYTHONPATH"))))


@dataclass
class Traffic:
    """People who write and read at the gateway all the time, and try once more when an answer does not come."""

    address: str
    token: str
    stopping: bool = False
    made: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)

    async def goes_on(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=20, trust_env=False) as client:
            await asyncio.gather(*(self._one(client) for _ in range(CLIENTS)))

    async def _one(self, client: httpx2.AsyncClient) -> None:
        while not self.stopping:
            key = {"idempotency-key": uuid.uuid4().hex}
            body = {"resourceType": "Patient", "name": [{"family": key["idempotency-key"]}]}
            made = await self._ask(client, "POST", "/vis/fhir/Patient", json=body, headers=key)
            if made is not None:
                self.made.append(made.json()["id"])
                await self._ask(client, "GET", f"/vis/fhir/Patient/{self.made[-1]}")
            await asyncio.sleep(PAUSE)

    async def _ask(self, client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> httpx2.Response | None:
        why = ""
        for attempt in range(2):
            try:
                answer = await client.request(method, path, **more)
                if answer.status_code in (200, 201):
                    self.by[answer.headers["fvm-version"]] += 1
                    return answer
                why = f"{answer.status_code} {answer.text[:200]}"
            except httpx2.TransportError as error:
                why = type(error).__name__
            if attempt == 0:
                self.again.append(f"{method} {path}: {why}")
                await asyncio.sleep(0.05)
        self.failed.append(f"{method} {path}: {why}")
        return None


async def test_a_service_is_replaced_by_its_next_version_while_traffic_runs(
    folder: Path, postgres_url: str, kafka_bootstrap: str
) -> None:
    region = Shared(folder, f"u{uuid.uuid4().hex[:8]}", postgres_url, kafka_bootstrap)
    one = {"PYTHONPATH": version(folder, 1, "word", [TABLE]), "FVM_DRAIN_SECONDS": "3"}
    two = {"PYTHONPATH": version(folder, 2, "text", [TABLE, EXPAND]), "FVM_DRAIN_SECONDS": "3"}
    three = {"PYTHONPATH": version(folder, 3, "text", [TABLE, EXPAND, CONTRACT])}
    old_port, new_port = region.ports["vis"], region.ports["vis-next"]
    try:
        await region.prepare()
        region.start(region.part("application"))
        region.start(region.part("information"))
        await _migrated(region, one)
        old = [
            region.start(region.part("vis", "serve", as_part="vis-1", **one)),
            region.start(region.part("vis", "worker", as_part="vis-1-worker", **one, FVM_PORT="0")),
        ]
        addresses = {f"{name}_url": f"http://127.0.0.1:{region.ports[name]}" for name in ("information", "application")}
        region.start_gateway(vis_url=f"http://127.0.0.1:{old_port},http://127.0.0.1:{new_port}", **addresses)
        for port in (old_port, region.ports["information"]):
            await region.answers(f"http://127.0.0.1:{port}/health/ready")
        await region.answers(f"http://127.0.0.1:{region.ports['application']}/health/live")
        await region.answers(f"{region.settings.public_url}/vis/fhir/metadata")

        traffic = Traffic(region.settings.public_url, region.token())
        running = asyncio.create_task(traffic.goes_on())
        await asyncio.sleep(2)

        await _migrated(region, two)  # expand: the old version goes on
        new = region.start(region.part("vis", "serve", as_part="vis-2", **two, FVM_PORT=str(new_port)))
        region.start(region.part("vis", "worker", as_part="vis-2-worker", **two, FVM_PORT="0"))
        await region.answers(f"http://127.0.0.1:{new_port}/health/ready")
        await asyncio.sleep(2)
        both = Counter(traffic.by)
        await asyncio.gather(*(asyncio.to_thread(part.end) for part in old))
        assert [part.exited() for part in old] == [0, 0]
        await asyncio.sleep(2)
        await _migrated(region, three)  # contract: nobody writes the old column any more
        await asyncio.sleep(2)
        traffic.stopping = True
        await running
        assert new.exited() is None

        assert both["v1"] > 50, both
        assert both["v2"] > 10, "the new version was asked before the old one had gone"
        assert traffic.by["v2"] > both["v2"] + 50
        assert traffic.failed == [], f"{len(traffic.made)} made; {traffic.failed[:5]}\n{region.complaints()}"
        assert traffic.again == [], f"of {len(traffic.made)} some tried again\n{region.complaints()}"
        await _nothing_lost(region, traffic)
        assert "loop crashed" not in region.complaints()
    finally:
        await region.stop()


async def _migrated(region: Shared, environment: dict[str, str]) -> None:
    part = region.part("vis", "migrate", **environment)
    done = await asyncio.to_thread(
        subprocess.run, part.command, env=dict(part.env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def _nothing_lost(region: Shared, traffic: Traffic) -> None:
    """Whatever was answered is in VIS once, and in the region's record once."""
    for service in ("vis", "information"):
        connection = await asyncpg.connect(region.url(service))
        try:
            end = time.monotonic() + 60
            while True:
                rows = await connection.fetch("select id from res where id = any($1)", traffic.made)
                if service == "vis" or len(rows) == len(traffic.made) or time.monotonic() > end:
                    break
                await asyncio.sleep(0.3)
            assert Counter(row["id"] for row in rows) == Counter(traffic.made), service
            if service == "vis":
                notes = dict(await connection.fetch("select text, count(*) from upgrade_note group by text"))
                assert set(notes) == {"v1", "v2"}  # version 1's are called text now too
        finally:
            await connection.close()


async def test_two_regions_on_one_postgresql_and_one_kafka_do_not_see_each_other(
    folder: Path, postgres_url: str, kafka_bootstrap: str
) -> None:
    mark = uuid.uuid4().hex[:6]
    north, south = (Shared(folder, f"{name}{mark}", postgres_url, kafka_bootstrap) for name in ("north", "south"))
    try:
        for region in (north, south):
            await region.prepare()
            for service in ("application", "information", "vis"):
                region.start(region.part(service))
        made = {region: await _a_person(region) for region in (north, south)}
        assert made[north] != made[south], "the other region's person is not ours"
        await asyncio.sleep(2)  # what would come the wrong way has had its time
        for region, other in ((north, south), (south, north)):
            for door in DOORS:
                await _sees_only_its_own(region, other, door, made)
            place = region.url("vis").rpartition("/")[0]
            with pytest.raises(asyncpg.PostgresError, match="permission denied"):
                await asyncpg.connect(f"{place}/{other.name}_vis")
    finally:
        for region in (north, south):
            await region.stop()


DOORS = {"information": "/fhir", "vis": "/vis/fhir"}
NUMBER = {"system": "http://electronichealth.se/identifier/personnummer", "value": "191212121212"}


def _client(region: Shared, service: str) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {region.token()}"}
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{region.ports[service]}{DOORS[service]}",
        headers=headers,
        timeout=30,
        trust_env=False,
    )


async def _a_person(region: Shared) -> str:
    """The same one in both regions; its id when it has come the whole way."""
    await region.answers(f"http://127.0.0.1:{region.ports['application']}/health/live")
    for service in DOORS:
        await region.answers(f"http://127.0.0.1:{region.ports[service]}/health/ready")
    async with _client(region, "vis") as vis, _client(region, "information") as record:
        body = {"resourceType": "Patient", "identifier": [NUMBER], "name": [{"family": "Tolvansson"}]}
        answer = await vis.post("/Patient", json=body)
        assert answer.status_code == 201, answer.text
        end, found = time.monotonic() + 60, str(answer.json()["id"])
        while (await record.get(f"/Patient/{found}")).status_code != 200:
            assert time.monotonic() < end, region.name
            await asyncio.sleep(0.2)
        return found


async def _sees_only_its_own(region: Shared, other: Shared, door: str, made: dict[Shared, str]) -> None:
    async with _client(region, door) as client:
        assert (await client.get(f"/Patient/{made[other]}")).status_code == 404
        found = (await client.get(f"/Patient?identifier={NUMBER['value']}")).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == [made[region]]
        strange = {"authorization": f"Bearer {other.token()}"}
        assert (await client.get(f"/Patient/{made[region]}", headers=strange)).status_code == 401
