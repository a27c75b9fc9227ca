"""One whole region for all journeys and faults: started at the first question, driven through its doors, then stopped."""

import asyncio
import os
import re
import shutil
import signal
import ssl
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx2
import pytest

from fvm import asking, demo, health, pids, ports, state
from fvm import memory as remembered
from fvm.commands import doctor, lag
from fvm.places import Places
from fvm.region import Region
from fvm.settings import Settings, from_environment
from fvm.supervise import FIRST_PAUSE, Watch

START, END_OF_FRAME = b"\x0b", b"\x1c\r"
PATIENCE = 8  # seconds an HL7 v2 frame may take in this region, so that a test can see one that takes longer


class Wire:
    """One MLLP connection of a sender that waits for each answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def say(self, message: str | bytes, seconds: float = 30) -> str:
        """Sends one message in a frame; the acknowledgement as text."""
        raw = message if isinstance(message, bytes) else message.encode()
        self.writer.write(START + raw + END_OF_FRAME)
        await self.writer.drain()
        return await self.hear(seconds)

    async def hear(self, seconds: float = 30) -> str:
        async with asyncio.timeout(seconds):
            frame = await self._reader.readuntil(END_OF_FRAME)
        return frame.strip(START + END_OF_FRAME).decode("latin-1")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class House:
    """A running region as the world sees it, with a hand on its parts for those who break them."""

    def __init__(self, settings: Settings, region: Region | None = None) -> None:
        self.settings = settings
        self.region = region
        self.said: list[str] = []
        self.tls: ssl.SSLContext | None = None  # how systems reach the HL7 v2 port; None: in the clear
        self._tokens: dict[tuple[str, str], str] = {}
        self._left_dead: set[str] = set()
        self._stopping = threading.Event()

    @property
    def ports(self) -> dict[str, int]:
        return remembered.load(Places(self.settings.data).memory).ports

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.ports['kafka']}"

    def token(self, who: str = "bench", commission: str = "") -> str:
        """An access token of a demo person or system, good for an hour."""
        if (who, commission) not in self._tokens:
            wanted = {"who": who, "hours": 1} | ({"commission": commission} if commission else {})
            status, body = health.post(f"http://127.0.0.1:{self.ports['application']}/internal/demo-token", wanted)
            assert status == 200, body
            self._tokens[who, commission] = body["access_token"]
        return self._tokens[who, commission]

    def forget_tokens(self) -> None:
        """The next ones are new: clocks were moved."""
        self._tokens.clear()

    def client(self, who: str | None = "bench", commission: str = "", *, seconds: float = 60) -> httpx2.AsyncClient:
        """At the gateway, as somebody (None: nobody)."""
        headers = {} if who is None else {"authorization": f"Bearer {self.token(who, commission)}"}
        return httpx2.AsyncClient(base_url=self.settings.gate, headers=headers, timeout=seconds, trust_env=False)

    async def wire(self) -> Wire:
        return Wire(*await asyncio.open_connection("127.0.0.1", self.settings.mllp_port, ssl=self.tls))

    async def say(self, message: str | bytes) -> str:
        """One HL7 v2 message on a connection of its own; the acknowledgement."""
        async with await self.wire() as wire:
            return await wire.say(message)

    async def database(self, service: str) -> asyncpg.Connection:
        """A connection as the service's own role."""
        memory, role = remembered.load(Places(self.settings.data).memory), f"{self.settings.prefix}_{service}"
        password = memory.passwords[role]
        return await asyncpg.connect(f"postgresql://{role}:{password}@127.0.0.1:{memory.ports['postgres']}/{role}")

    # What an operator is told.

    async def operator(self) -> httpx2.AsyncClient:
        """A browser in which the operator has signed in at the portal."""
        origin = {"origin": self.settings.public_url}
        browser = httpx2.AsyncClient(base_url=self.settings.public_url, timeout=10, trust_env=False)
        form = await browser.get("/auth/sign-in?again=true")
        [csrf, *_] = re.findall(r'name="csrf" value="([^"]+)"', form.text)
        answer = await browser.post("/auth/sign-in", data={"person": "jonatan", "csrf": csrf}, headers=origin)
        assert answer.status_code == 303, f"{answer.status_code} {answer.text[:500]}"
        return browser

    async def page(self, browser: httpx2.AsyncClient) -> str:
        """The live part of /portal/region as text, spaces as spaces."""
        answer = await browser.get("/portal/region/picture")
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text).replace("\xa0", " "))
        return text.replace(" .", ".")

    async def doctor(self) -> str:
        """What `fvm doctor` finds wrong, and what it says to do."""
        found = await asyncio.to_thread(lambda: list(doctor.findings(self.settings)))
        return "\n".join(f"{one.what}: {one.found} → {one.todo}" for one in found if not one.good)

    async def lag(self) -> str:
        """What `fvm lag` prints."""
        lags = await asyncio.to_thread(lambda: asking.Services(self.settings).lags())
        return "\n".join(lag.report(lags))

    # What follows needs a region that this session has started itself.

    def watch(self) -> None:
        """Starts dead parts again, as `fvm run` does, but for those that are to stay dead for a while."""
        assert self.region is not None
        self._watch = watch = Watch(self.region, self.said.append)
        region = self.region
        while not self._stopping.wait(0.25):
            if any(one.part.name in self._left_dead and one.exited() is not None for one in region.running):
                continue
            watch.look()

    def kill(self, name: str, *, stay_dead: bool = False) -> None:
        """SIGKILL, as a machine that runs out of memory does it."""
        if stay_dead:
            self._left_dead.add(name)
        self._part(name).kill()

    def tell(self, name: str, sign: signal.Signals, *, stay_dead: bool = False) -> None:
        """Sends a part a signal; `stay_dead`: whoever ends of it is not started again before `revive`."""
        if stay_dead:
            self._left_dead.add(name)
        os.kill(self._part(name).pid, sign)

    def revive(self, name: str) -> None:
        """It may start again, and at once: a test does not wait as long as the runner would."""
        self._left_dead.discard(name)
        if name in self._watch.ill:
            illness = self._watch.ill[name]
            illness.pause, illness.due = FIRST_PAUSE, illness.due and self._watch.clock()

    def _part(self, name: str) -> Any:
        assert self.region is not None, "only a region that the tests have started themselves is broken by them"
        return next(one for one in self.region.running if one.part.name == name)

    def ready(self) -> bool:
        return health.ask(f"{self.settings.gate}/health/ready", 5)[0] == 200

    def start(self) -> None:
        assert self.region is not None
        pids.write(Places(self.settings.data).run, pids.know(state.RUNNER, os.getpid()))
        self.region.start()
        demo.introduce(self.settings, self.said.append)
        self._watching = threading.Thread(target=self.watch, daemon=True)
        self._watching.start()

    def stop(self) -> None:
        self._stopping.set()
        if self.region is not None:
            with suppress(AttributeError):
                self._watching.join(30)
            self.region.stop()

    def last_words(self) -> str:
        """What the runner said, and what the services complained of lately: for the report of a failed test."""
        found = self.said[-20:]
        for log in sorted(Places(self.settings.data).logs.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-4000:]
            bad = [line for line in lines if '"error"' in line or "Traceback" in line or "FATAL" in line]
            found += [f"{log.stem}: {line[:1500]}" for line in bad[-6:]]
        return "\n".join(found)


@pytest.fixture(scope="session")
def region() -> Iterator[House]:
    """A demo region of the session's own, on free ports; or the running one of FVM_TEST_REGION=1 and its FVM_*."""
    if os.environ.get("FVM_TEST_REGION"):
        yield House(from_environment())
        return
    with a_house({}) as house:
        yield house


@contextmanager
def a_house(environment: Mapping[str, str], prepare: Callable[[House], None] = lambda _house: None) -> Iterator[House]:
    """A region of one's own with these settings; `prepare` is called before it starts."""
    # Not pytest's own folder: that is closed to PostgreSQL's user when we are root.
    data = Path(tempfile.mkdtemp(prefix="fvm-test-house-"))
    data.chmod(0o711)
    doors = ports.settle({}, ("gateway", "mllp"), set())
    public = f"http://localhost:{doors['gateway']}"
    settings = Settings(data, gateway_port=doors["gateway"], mllp_port=doors["mllp"], public_url=public)
    house = House(settings)
    house.region = Region(settings, house.said.append, lambda: False)
    patch = pytest.MonkeyPatch()
    _HOUSES.append(house)
    try:
        for name, value in {"FVM_MLLP_FRAME_SECONDS": str(PATIENCE), **environment}.items():
            patch.setenv(name, value)
        prepare(house)
        with ThreadPoolExecutor(1) as aside:  # the start has event loops of its own
            aside.submit(house.start).result()
        yield house
    finally:
        patch.undo()
        _HOUSES.remove(house)
        house.stop()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def new_house() -> Callable[..., AbstractContextManager[House]]:
    """Another region, for who breaks it in ways that the others' must be spared."""
    return a_house


@pytest.fixture(scope="session")
def until() -> Callable[..., Awaitable[Any]]:
    """`await until(check, seconds)`: what `check` returns once it asserts nothing wrong; its complaint when it is late."""

    async def wait(check: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
        end, pause = time.monotonic() + seconds, 0.05
        while True:
            try:
                return await check()
            except (AssertionError, ValueError) as wrong:  # ValueError: `[one] = found` where there is none, or two
                if time.monotonic() > end:
                    raise AssertionError(f"still so after {seconds:.0f} s: {wrong}") from wrong
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1)

    return wait


_HOUSES: list[House] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and _HOUSES and {"region", "new_house"} & set(getattr(item, "fixturenames", ())):
        report.sections.append(("what the region said", _HOUSES[-1].last_words()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Faults come last: what they break is mended, but nobody else should have to wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("fault") is not None)
