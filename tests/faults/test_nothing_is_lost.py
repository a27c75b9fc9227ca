"""Each part is killed in the middle of a stream: what was acknowledged is there once.

Twenty Synthea transactions (each with its Idempotency-Key) and 2,000 HL7 v2 messages are sent, and sent again until they are
answered. Every phase lets a share of both through and kills one part (SIGKILL) when half of its messages are acknowledged and
its bundles have just been handed in.
"""

import asyncio
import bz2
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from integration_platform.testing import a_step

PARTS = ("vis", "information", "exchange", "application", "envoy", "kafka", "postgres")
PHASES = len(PARTS)
PATIENTS, STEPS, CONNECTIONS, BUNDLES = 100, 20, 8, 20
SHARE = -(-PATIENTS * STEPS // PHASES)
PHASE_WITHIN, ARRIVED_WITHIN = 75.0, 90.0  # seconds, on a machine that does other things too
LOCATION = re.compile(rb"/vis/fhir/([A-Za-z]+/[A-Za-z0-9\-.]{1,64})/_history/(\d+)")
SYSTEM = "urn:fvm:sender:demo:LIMS"
SERIES, ONCE = "KREA", "NA"


MESSAGES = [(patient, step) for step in range(STEPS) for patient in range(PATIENTS)]


@dataclass
class Storm:
    """What was sent and what was promised for it."""

    house: Any
    released: int = 0
    acknowledged: dict[tuple[int, int], str] = field(default_factory=dict)  # → the number it is kept under
    resent: int = 0
    bundles: dict[int, bytes] = field(default_factory=dict)  # → the answer
    bundles_resent: int = 0
    before: dict[str, Counter[str]] = field(default_factory=dict)  # by door: resources of each type
    parked_before: dict[str, int] = field(default_factory=dict)
    senders: list["asyncio.Task[None]"] = field(default_factory=list)

    async def speaks(self, connection: int) -> None:
        """One sender: its patients' messages in order, each again until it is answered AA."""
        wire = None
        for nth, (patient, step) in enumerate(MESSAGES):
            if patient % CONNECTIONS != connection:
                continue
            while nth >= self.released:  # noqa: ASYNC110 - the gate has no event of its own
                await asyncio.sleep(0.005)
            while (patient, step) not in self.acknowledged:
                try:
                    wire = wire or await self.house.wire()
                    reply = await wire.say(a_step(f"STORM{patient:03}", step), 40)
                except (OSError, EOFError, TimeoutError):
                    if wire is not None:
                        wire.writer.close()
                        wire = None
                    self.resent += 1
                    await asyncio.sleep(0.1)
                    continue
                assert f"MSA|AA|STORM{patient:03}-{step:05}" in reply, reply
                self.acknowledged[patient, step] = reply.split("|")[9]

    async def posts(self, client: httpx2.AsyncClient, nth: int, body: bytes) -> None:
        """One transaction, again until it is answered."""
        headers = {"content-type": "application/fhir+json", "idempotency-key": f"storm-{nth}"}
        while nth not in self.bundles:
            try:
                answer = await client.post("/vis/fhir", content=body, headers=headers, timeout=30)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                self.bundles[nth] = answer.content
                continue
            assert answer is None or answer.status_code in (409, 429) or answer.status_code >= 500, answer.text[:500]
            self.bundles_resent += 1
            await asyncio.sleep(0.2)

    async def phase(self, number: int, posting: list[Any], part: str) -> None:
        """Lets this phase's share through, kills the part half way, and waits until all of it is answered."""
        self.released = min((number + 1) * SHARE, len(MESSAGES))
        half = number * SHARE + SHARE // 2
        await self.until(lambda: len(self.acknowledged) >= half, f"half of phase {number} ({part})")
        sending = [asyncio.create_task(one) for one in posting]
        await asyncio.sleep(0.02)  # on their way, and far from done
        await asyncio.to_thread(self.house.kill, part)
        await self.until(
            lambda: len(self.acknowledged) >= self.released and all(task.done() for task in sending),
            f"everything of phase {number} answered although {part} was killed",
        )
        await asyncio.gather(*sending)

    async def until(self, true: Callable[[], bool], what: str, seconds: float = PHASE_WITHIN) -> None:
        end = time.monotonic() + seconds
        while not true():
            for sender in self.senders:
                if sender.done() and not sender.cancelled() and sender.exception() is not None:
                    sender.result()  # it was told something else than AA: that ends the storm at once
            if time.monotonic() > end:
                pytest.fail(
                    f"Not within {seconds:.0f} s: {what} ({len(self.acknowledged)} messages, {len(self.bundles)} bundles)"
                )
            await asyncio.sleep(0.005)

    async def ready(self) -> None:
        """Waits until the whole region says that it is ready again."""
        end = time.monotonic() + PHASE_WITHIN
        while not await asyncio.to_thread(self.house.ready):
            assert time.monotonic() < end, "the region did not become ready again"
            await asyncio.sleep(0.2)

    @property
    def written(self) -> list[str]:
        """Type/id of everything that the bundles' answers promise."""
        return [name.decode() for answer in self.bundles.values() for name, _ in LOCATION.findall(answer)]


async def totals(client: httpx2.AsyncClient, base: str, kinds: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for kind in kinds:
        answer = await client.get(f"{base}/{kind}", params={"_summary": "count"})
        assert answer.status_code == 200, answer.text
        found[kind] = answer.json()["total"]
    return found


@pytest.fixture(scope="module")
async def client(house: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.client() as client:
        yield client


@pytest.fixture(scope="module")
def transactions(data_dir: Path) -> list[bytes]:
    """The twenty smaller of the 24 patients: enough of everything, and quick enough for every run."""
    files = [file for file in (data_dir / "synthea").glob("*.bz2") if not file.name.startswith("0-")]
    return [bz2.decompress(file.read_bytes()) for file in sorted(files, key=lambda file: file.stat().st_size)[:BUNDLES]]


@pytest.fixture(scope="module")
async def kinds(transactions: list[bytes]) -> list[str]:
    return sorted(
        {entry["resource"]["resourceType"] for body in transactions for entry in msgspec.json.decode(body)["entry"]}
    )


@pytest.fixture(scope="module")
async def storm(
    house: Any, client: httpx2.AsyncClient, transactions: list[bytes], kinds: list[str], data_dir: Path
) -> Storm:
    """The stream with all its faults, and everything answered at its end."""
    storm = Storm(house)
    for file in sorted((data_dir / "synthea").glob("0-*.bz2")):  # the hospitals and practitioners they refer to
        answer = await client.post(
            "/vis/fhir", content=bz2.decompress(file.read_bytes()), headers={"content-type": "application/fhir+json"}
        )
        assert answer.status_code == 200
    for service in ("vis", "information", "exchange"):
        storm.parked_before[service] = await aside(house, service, "inbox_parked")
    for base in ("/vis/fhir", "/fhir"):
        storm.before[base] = await totals(client, base, kinds)
    storm.senders = [asyncio.create_task(storm.speaks(connection)) for connection in range(CONNECTIONS)]
    try:
        for number, part in enumerate(PARTS):
            posting = [storm.posts(client, nth, transactions[nth]) for nth in range(number, BUNDLES, PHASES)]
            await storm.phase(number, posting, part)
            await storm.ready()
        await asyncio.gather(*storm.senders)
    finally:
        for task in storm.senders:
            task.cancel()
        await asyncio.gather(*storm.senders, return_exceptions=True)
    return storm


async def aside(house: Any, service: str, table: str) -> int:
    database = await house.database(service)
    try:
        return int(await database.fetchval(f"select count(*) from {table}"))
    finally:
        await database.close()


async def pages(client: httpx2.AsyncClient, house: Any, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while address:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text[:500]
        bundle = answer.json()
        found += [entry["resource"] for entry in bundle.get("entry", [])]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        address = following[0].removeprefix(house.settings.public_url) if following else ""
    return found


async def test_everything_is_answered_though_every_part_is_killed(storm: Storm) -> None:
    assert len(storm.acknowledged) == PATIENTS * STEPS == 2_000
    assert len(storm.bundles) == BUNDLES
    assert len(set(storm.acknowledged.values())) == 2_000, "two messages are kept under one number"
    assert storm.resent > 0, "no connection was lost: nothing was in flight when the integration platform was killed"
    assert storm.bundles_resent > 0, "no bundle was in flight when VIS or the gateway was killed"


async def test_every_bundle_is_in_both_records_exactly_once(
    storm: Storm, house: Any, client: httpx2.AsyncClient, kinds: list[str], until: Callable[..., Awaitable[Any]]
) -> None:
    names = storm.written
    assert len(names) == len(set(names)), "one resource was promised twice"
    bundles = Counter(name.partition("/")[0] for name in names)
    messages = Counter(Patient=PATIENTS, Observation=PATIENTS * (STEPS + 1), DiagnosticReport=PATIENTS * (STEPS + 1))

    async def all_there() -> None:
        assert await totals(client, "/vis/fhir", kinds) - storm.before["/vis/fhir"] == bundles
        assert await totals(client, "/fhir", kinds) - storm.before["/fhir"] == bundles + messages

    await until(all_there, ARRIVED_WITHIN)
    for base in ("/vis/fhir", "/fhir"):
        versions: dict[str, str] = {}
        for kind in kinds:
            for one in await pages(client, house, f"{base}/{kind}?_count=1000"):
                versions[f"{kind}/{one['id']}"] = one["meta"]["versionId"]
        assert {name: versions.get(name) for name in names} == dict.fromkeys(names, "1"), base


async def test_every_message_is_in_the_record_once_and_the_last_word_of_each_patient_is_the_last_sent(
    storm: Storm, house: Any, client: httpx2.AsyncClient, until: Callable[..., Awaitable[Any]]
) -> None:
    for patient in range(PATIENTS):
        number = f"STORM{patient:03}"

        async def arrived(number: str = number) -> list[dict[str, Any]]:
            [person] = await pages(client, house, f"/fhir/Patient?identifier={SYSTEM}|{number}")
            assert person["name"][0]["family"] == f"Steg{STEPS - 1:05}"
            found = await pages(client, house, f"/fhir/Observation?patient={person['id']}&_count=100")
            assert len(found) == STEPS + 1
            return found

        found = await until(arrived, ARRIVED_WITHIN)
        once = [one for one in found if one["code"]["text"] == ONCE]
        [series] = [one for one in found if one["code"]["text"] == SERIES]
        assert sorted(one["valueQuantity"]["value"] for one in once) == list(range(STEPS)), number
        assert {one["meta"]["versionId"] for one in once} == {"1"}, number
        assert series["valueQuantity"]["value"] == STEPS - 1, number


async def test_what_replaced_what_follows_the_order_in_which_it_was_sent(
    storm: Storm, house: Any, client: httpx2.AsyncClient
) -> None:
    for patient in range(0, PATIENTS, 5):
        [person] = await pages(client, house, f"/fhir/Patient?identifier={SYSTEM}|STORM{patient:03}")
        found = await pages(client, house, f"/fhir/Observation?patient={person['id']}&_count=100")
        [series] = [one for one in found if one["code"]["text"] == SERIES]
        versions = await pages(client, house, f"/fhir/Observation/{series['id']}/_history?_count=100")
        values = [one["valueQuantity"]["value"] for one in versions]
        assert values == sorted(values, reverse=True)
        assert len(values) == len(set(values)), "the same value was stored twice"
        assert values[0] == STEPS - 1


@pytest.mark.parametrize("service", ["vis", "information", "exchange", "application"])
async def test_nothing_is_left_waiting_anywhere(
    storm: Storm, house: Any, service: str, until: Callable[..., Awaitable[Any]]
) -> None:
    async def empty() -> None:
        database = await house.database(service)
        try:
            has = {row["tablename"] for row in await database.fetch("select tablename from pg_tables")}
            for table in ("outbox", "inbox_waiting", "message_waiting"):
                if table in has:
                    assert await database.fetchval(f"select count(*) from {table}") == 0, table
            if service in storm.parked_before:
                parked = await database.fetchval("select count(*) from inbox_parked")
                assert parked == storm.parked_before[service]
        finally:
            await database.close()

    await until(empty, ARRIVED_WITHIN)


async def test_every_message_is_kept_once_and_was_told(storm: Storm, house: Any) -> None:
    database = await house.database("exchange")
    try:
        kept = await database.fetchrow(
            "select count(*) as kept, count(distinct control_id) as distinct_ids, count(t.id) as told"
            " from message m left join message_told t using (id) where m.control_id like 'STORM%'"
        )
    finally:
        await database.close()
    assert dict(kept) == {"kept": 2_000, "distinct_ids": 2_000, "told": 2_000}
