"""Whoever breaks a region must have started it; and the traffic that must survive: systems and people who go on whatever breaks."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from integration_platform.testing import a_step

SYSTEMS, PATIENTS, PEOPLE = 3, 4, 2  # connections, patients of each; people at VIS with one patient each
LIMS = "urn:fvm:sender:demo:LIMS"
READY_WITHIN, ARRIVED_WITHIN = 90.0, 120.0  # seconds, on a machine that does other things too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.fault)


@pytest.fixture(scope="session")
def house(region: Any) -> Any:
    """The whole region, with a hand on its parts."""
    if region.region is None:
        pytest.skip("only a region of the tests' own is broken (unset FVM_TEST_REGION)")
    return region


@dataclass
class Traffic:
    """A steady stream through two doors; each sender waits for its answer, and sends again until it has one."""

    house: Any
    pause: float = 0.1  # seconds between two messages of one sender
    mark: str = field(default_factory=lambda: uuid4().hex[:6].upper())
    acknowledged: Counter[str] = field(default_factory=Counter)  # patient of a system → messages
    made: dict[str, list[str]] = field(default_factory=dict)  # patient at VIS → ids of what was created for it
    changed: Counter[str] = field(default_factory=Counter)  # patient at VIS → versions of the resource that changes
    answered: list[float] = field(default_factory=list)  # when VIS answered, monotonic seconds
    again: Counter[str] = field(default_factory=Counter)  # why something had to be sent once more
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _wires: dict[int, Any] = field(default_factory=dict)  # system → its connection
    _stopping: bool = False

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(self._system(number)) for number in range(SYSTEMS)]
        self._tasks += [asyncio.create_task(self._person(number)) for number in range(PEOPLE)]

    async def end(self) -> None:
        """Nothing new is sent; what is under way is answered first. Raises what a sender was told that it should not be."""
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), READY_WITHIN)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def hang_up(self) -> None:
        """Ends the systems' connections; each opens a new one for its next message."""
        for wire in self._wires.values():
            wire.writer.close()

    async def goes_on(self, seconds: float = READY_WITHIN) -> None:
        """Waits until every sender has got three more answers."""
        before = Counter(self._sent())
        end = time.monotonic() + seconds
        while any(count < before[name] + 3 for name, count in self._sent().items()):
            self._must_live()
            assert time.monotonic() < end, f"not everybody is answered within {seconds:.0f} s: {self.again}"
            await asyncio.sleep(0.05)

    def longest_silence(self, since: float) -> float:
        """The longest time between two answers of VIS since then, in seconds."""
        times = [since, *(at for at in self.answered if at > since), time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def _sent(self) -> dict[str, int]:
        people = {name: len(ids) for name, ids in self.made.items()}
        return {**{f"system {n}": sum(self.acknowledged[one] for one in self._of(n)) for n in range(SYSTEMS)}, **people}

    def _must_live(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    def _of(self, system: int) -> list[str]:
        return [f"T{self.mark}{system}{patient}" for patient in range(PATIENTS)]

    async def _system(self, system: int) -> None:
        while not self._stopping:
            for patient in self._of(system):
                message = a_step(patient, self.acknowledged[patient])
                reply = ""
                while not reply:
                    try:
                        if system not in self._wires:
                            self._wires[system] = await self.house.wire()
                        reply = await self._wires[system].say(message, 40)
                    except (OSError, EOFError, TimeoutError) as error:
                        self.again[f"HL7 v2: {type(error).__name__}"] += 1
                        if system in self._wires:
                            self._wires.pop(system).writer.close()
                        await asyncio.sleep(0.2)
                assert f"MSA|AA|{patient}-" in reply, reply
                self.acknowledged[patient] += 1
            await asyncio.sleep(self.pause)

    async def _person(self, number: int) -> None:
        patient = f"t-{self.mark.lower()}-{number}"
        self.made[patient] = []
        async with self.house.client(seconds=30) as client:
            body = {"resourceType": "Patient", "id": patient, "name": [{"family": "Trafik"}]}
            await self._sends(client, "PUT", f"/vis/fhir/Patient/{patient}", body)
            while not self._stopping:
                body = {"resourceType": "Observation", "status": "final", "code": {"text": "Trafik"},
                        "subject": {"reference": f"Patient/{patient}"}, "valueInteger": len(self.made[patient])}  # fmt: skip
                made = await self._sends(client, "POST", "/vis/fhir/Observation", body)
                self.made[patient].append(made["id"])
                body |= {"id": f"{patient}-now", "valueInteger": self.changed[patient]}
                await self._sends(client, "PUT", f"/vis/fhir/Observation/{patient}-now", body)
                self.changed[patient] += 1
                await asyncio.sleep(self.pause)

    async def _sends(self, client: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any]) -> Any:
        headers = {"idempotency-key": uuid4().hex}
        while True:
            try:
                answer = await client.request(method, path, json=body, headers=headers)
                if answer.status_code in (200, 201):
                    self.answered.append(time.monotonic())
                    return answer.json()
                status = answer.status_code
                assert status in (401, 409, 429) or status >= 500, f"{status} {answer.text[:500]}"
                self.again[f"VIS: {status}"] += 1
                if status == 401:
                    await self._signs_in(client)
            except httpx2.TransportError as error:
                self.again[f"VIS: {type(error).__name__}"] += 1
            await asyncio.sleep(0.2)

    async def _signs_in(self, client: httpx2.AsyncClient) -> None:
        self.house.forget_tokens()
        try:
            token = await asyncio.to_thread(self.house.token)
        except AssertionError:  # the application platform is away just now
            return
        client.headers["authorization"] = f"Bearer {token}"

    # What must be true afterwards.

    async def arrived(self, until: Callable[..., Awaitable[Any]]) -> None:
        """All that was acknowledged is in the records once, and each patient's in the order in which it was told."""
        async with self.house.client() as client:
            for patient, count in self.acknowledged.items():
                await until(lambda p=patient, n=count: self._of_a_system(client, p, n), ARRIVED_WITHIN)
            for patient, ids in self.made.items():
                await until(lambda p=patient, i=ids: self._of_a_person(client, p, i), ARRIVED_WITHIN)

    async def _of_a_system(self, client: httpx2.AsyncClient, patient: str, count: int) -> None:
        [person] = await self._all(client, f"/fhir/Patient?identifier={LIMS}|{patient}")
        found = await self._all(client, f"/fhir/Observation?patient={person['id']}&_count=1000")
        once = [one for one in found if one["code"]["text"] == "NA"]
        assert sorted(one["valueQuantity"]["value"] for one in once) == list(range(count)), patient
        assert {one["meta"]["versionId"] for one in once} == {"1"}, patient
        [series] = [one for one in found if one["code"]["text"] == "KREA"]
        versions = await self._all(client, f"/fhir/Observation/{series['id']}/_history?_count=1000")
        values = [one["valueQuantity"]["value"] for one in versions]
        assert values[0] == count - 1, patient
        assert values == sorted(set(values), reverse=True), f"{patient}: told in another order, or twice"
        assert person["name"][0]["family"] == f"Steg{count - 1:05}"

    async def _of_a_person(self, client: httpx2.AsyncClient, patient: str, ids: list[str]) -> None:
        for base in ("/vis/fhir", "/fhir"):
            found = await self._all(client, f"{base}/Observation?patient={patient}&_count=1000")
            there = Counter({one["id"]: 1 for one in found})
            assert len(there) == len(found)
            assert there == Counter([*ids, f"{patient}-now"]), f"{base}: {len(there)} of {len(ids) + 1}"
            versions = await self._all(client, f"{base}/Observation/{patient}-now/_history?_count=1000")
            values = [one["valueInteger"] for one in versions]
            assert values == sorted(set(values), reverse=True), f"{base} {patient}: in another order, or twice"
            assert values[0] == self.changed[patient] - 1

    async def _all(self, client: httpx2.AsyncClient, address: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while address:
            answer = await client.get(address)
            assert answer.status_code == 200, f"{answer.status_code} {answer.text[:500]}"
            bundle = answer.json()
            found += [entry["resource"] for entry in bundle.get("entry", [])]
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            address = following[0].removeprefix(self.house.settings.public_url) if following else ""
        return found


@pytest.fixture(scope="module")
def traffic_in() -> Callable[[Any], Traffic]:
    """Traffic for a region that is the test's own."""
    return Traffic


@pytest.fixture(scope="module")
async def traffic(house: Any) -> AsyncIterator[Traffic]:
    """Goes on during all faults of one file."""
    found = Traffic(house)
    found.begin()
    await found.goes_on()
    yield found
    found.cancel()


@pytest.fixture(scope="session")
def ready() -> Callable[[Any], Awaitable[None]]:
    """`await ready(house)`: waits until the whole region says that it is ready."""

    async def wait(house: Any) -> None:
        end = time.monotonic() + READY_WITHIN
        while not await asyncio.to_thread(house.ready):
            assert time.monotonic() < end, "the region did not become ready again:\n" + "\n".join(house.said[-8:])
            await asyncio.sleep(0.2)

    return wait
