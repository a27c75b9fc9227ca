"""The whole region on one machine: started in order, watched, and stopped in the opposite order."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fvm import databases, envoy, health, identity, kafka, pids, ports, postgres, services, state, topics
from fvm import memory as remembered
from fvm.part import Part, Running, Stopped
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble
from kit.sealing import Master

Tell = Callable[[str], None]

PORTS = ("postgres", "kafka", "kafka-controller", "envoy-admin", *(service.name for service in services.SERVICES))
SLOWEST_STORE = 120.0  # seconds until PostgreSQL or Kafka must be ready
SLOWEST_START = 180.0  # seconds until everything must have become ready; far more than a quiet machine needs


class Region:
    """One region in one data folder. Use: `start`, then `watch` until told to stop, and always `stop`."""

    def __init__(self, settings: Settings, tell: Tell, stopping: Callable[[], bool], *, adopt: bool = False) -> None:
        self.settings = settings
        self.places = Places(settings.data)
        self.running: list[Running] = []
        self._tell = tell
        self._stopping = stopping
        self._adopt = adopt
        self._began = time.monotonic()

    def start(self) -> None:
        """Brings everything up; raises Trouble with the reason, or Stopped. The caller then calls `stop`."""
        identity.must_have_room(self.settings.data)
        if not self.settings.kafka:
            kafka.must_be_runnable()
        self.clean_up()
        ports.must_be_free(self.settings.gateway_port, "FVM_GATEWAY_PORT", "the gateway's", self.settings.host)
        ports.must_be_free(self.settings.mllp_port, "FVM_MLLP_PORT", "HL7 v2 over MLLP", self.settings.host)
        self.memory = self._remember()
        front = envoy.prepare(
            self.settings, self.memory.ports, self.places.envoy
        )  # what is wrong is said before a start
        admin, bootstrap = self._stores()
        identity.remember(self.memory, self.settings)
        remembered.save(self.places.memory, self.memory)
        self._services(admin, bootstrap, front)
        self._wait_until_ready()

    def doors(self) -> dict[str, str]:
        """Where everything is, for people."""
        public, at = self.settings.public_url, self.memory.ports
        return {
            "mode": self.settings.mode,
            "portal": f"{public}/portal",
            "region's record (FHIR)": f"{public}/fhir",
            "VIS (FHIR)": f"{public}/vis/fhir",
            "events in (HTTP)": f"{public}/exchange/events",
            "HL7 v2 over MLLP": f"{self.settings.host}:{self.settings.mllp_port}",
            "health": f"{public}/health/ready",
            "PostgreSQL": databases.place(self.settings.postgres_url) or f"127.0.0.1:{at['postgres']}",
            "Kafka": self.settings.kafka or f"127.0.0.1:{at['kafka']}",
            "data": str(self.places.data),
            "logs": str(self.places.logs),
        }

    def age(self) -> float:
        """Seconds since the start began."""
        return time.monotonic() - self._began

    def clean_up(self) -> None:
        """Stops what a crashed runner of this data folder left behind; touches no other process."""
        for known in state.leftovers(self.places.run):
            self._tell(f"{known.name} was left behind by a runner that crashed (pid {known.pid}): stopping it")
            pids.end(known, patience=20)
        for known in pids.read(self.places.run):
            if known.name != state.RUNNER:
                pids.forget(self.places.run, known.name)

    def stop(self) -> None:
        """Stops all parts: services and gateway together, then Kafka, then PostgreSQL. Data stays."""
        stores = [one for one in self.running if one.part.name in ("postgres", "kafka")]
        rest = [one for one in self.running if one not in stores]
        if rest:
            self._tell("stopping the services and the gateway")
        with ThreadPoolExecutor(8) as at_once:
            list(at_once.map(Running.end, rest))
        for store in sorted(stores, key=lambda one: one.part.name):
            self._tell(f"stopping {store.part.name}")
            store.end()
        self.running.clear()

    def kill(self) -> None:
        """Stops all parts at once, without their consent."""
        for one in self.running:
            one.kill()

    def _remember(self) -> remembered.Memory:
        if not self.places.memory.exists():
            _begin_sealed(self.places)
        memory = remembered.load(self.places.memory)
        identity.must_be_the_same(memory, self.settings, self._adopt)
        taken = {self.settings.gateway_port, self.settings.mllp_port}
        memory.ports = ports.settle(memory.ports, PORTS, taken)
        for name in ("postgres", *(service.database(self.settings.prefix) for service in services.SERVICES)):
            memory.password(name)
        remembered.save(self.places.memory, memory)
        return memory

    def _stores(self) -> tuple[databases.Admin, str]:
        # A store of your own is asked first, so that a wrong address is said before anything is started.
        admin = self._postgres() if self.settings.postgres_url else None
        bootstrap = self._kafka() if self.settings.kafka else None
        with ThreadPoolExecutor(2) as both:
            first = None if admin else both.submit(self._postgres)
            second = None if bootstrap else both.submit(self._kafka)
        return admin or first.result(), bootstrap or second.result()  # type: ignore[union-attr]

    def _postgres(self) -> databases.Admin:
        if self.settings.postgres_url:
            admin = databases.Admin(self.settings.postgres_url, ours=False)
            self._claim("FVM_POSTGRES_URL")
        else:
            began = time.monotonic()
            server = self.own_postgres(self.memory)
            server.prepare()
            running = self._run(server.part())
            running.wait_until(server.ready, SLOWEST_STORE, self._stopping)
            admin = databases.Admin(server.url, ours=True)
            self._tell(f"PostgreSQL is ready ({time.monotonic() - began:.1f} s)")
        names = [service.database(self.settings.prefix) for service in services.SERVICES]
        asyncio.run(databases.prepare(admin, self.memory, names, adopt=self._adopt))
        return admin

    def _claim(self, store: str) -> None:
        """So that `fvm reset` finds what was made there, whatever happens next."""
        identity.claim(self.memory, self.settings, store)
        remembered.save(self.places.memory, self.memory)

    def own_postgres(self, memory: remembered.Memory) -> postgres.Server:
        return postgres.of(self.places, memory)

    def _kafka(self) -> str:
        bootstrap = self.settings.kafka
        if not bootstrap:
            began = time.monotonic()
            at = self.memory.ports
            broker = kafka.Broker(self.places.kafka, at["kafka"], at["kafka-controller"], self.memory.id)
            broker.prepare()
            self._run(broker.part()).wait_until(broker.ready, SLOWEST_STORE, self._stopping)
            bootstrap = broker.bootstrap
            self._tell(f"Kafka is ready ({time.monotonic() - began:.1f} s)")
        elif self.memory.stores.get("FVM_KAFKA") != bootstrap:
            if not self._adopt:
                asyncio.run(topics.must_be_new(bootstrap, self.settings.region, topics.load()))
            self._claim("FVM_KAFKA")
        asyncio.run(topics.apply(bootstrap, self.settings.region, topics.load()))
        return bootstrap

    def _services(self, admin: databases.Admin, bootstrap: str, front: Part) -> None:
        at = self.memory.ports
        for service in services.SERVICES:
            role = service.database(self.settings.prefix)
            url = admin.url_for(role, self.memory.password(role))
            self._run(services.part(service, self.settings, at, url, bootstrap))
        self._run(front)
        self._tell("the four services and the gateway are starting")

    def again(self, dead: Running) -> Running:
        """Starts a part that has ended once more; the caller puts it in the place of the dead one."""
        return Running(dead.part, self.places.logs, self.places.run)

    def _run(self, part: Part) -> Running:
        running = Running(part, self.places.logs, self.places.run)
        self.running.append(running)
        return running

    def _wait_until_ready(self) -> None:
        waiting = {service.name: service.title for service in services.SERVICES}
        gate = f"{self.settings.gate}/health/ready"
        until = self._began + SLOWEST_START
        while True:
            self._must_all_live()
            for name in list(waiting):
                if health.ask(f"http://127.0.0.1:{self.memory.ports[name]}/health/ready")[0] == 200:
                    self._tell(f"{waiting.pop(name)} is ready ({time.monotonic() - self._began:.1f} s)")
            if not waiting and health.ask(gate)[0] == 200:
                return
            if time.monotonic() > until:
                raise Trouble(self._who_is_late(waiting, gate))
            time.sleep(0.1)

    def _must_all_live(self) -> None:
        if self._stopping():
            raise Stopped
        for one in self.running:
            if (status := one.exited()) is not None:
                words = "\n".join(f"    {line}" for line in one.last_words().splitlines())
                raise Trouble(f"{one.part.name} ended with status {status} while starting; its last words:\n{words}")

    def _who_is_late(self, waiting: dict[str, str], gate: str) -> str:
        late = []
        for name, title in waiting.items():
            status, body = health.ask(f"http://127.0.0.1:{self.memory.ports[name]}/health/ready")
            late.append(f"{title} ({health.complaint(body) or f'status {status}' if status else 'does not answer'})")
        if not late:
            status, body = health.ask(gate)
            late = [f"the gateway ({health.complaint(body) or f'status {status}' if status else 'does not answer'})"]
        return f"Not ready within {SLOWEST_START:.0f} s: {', '.join(late)}. Their logs are in {self.places.logs}."


def _begin_sealed(places: Places) -> None:
    """A new region seals what it keeps of patients from its first day (D8). One that is older begins when its operator puts a
    master key there, after all its services are new enough to read what is sealed."""
    if not places.master_key.exists():
        places.master_key.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        with os.fdopen(os.open(places.master_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(Master.new())
