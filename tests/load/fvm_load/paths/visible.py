"""A laboratory's answer in → found in the region's record, and noticed by an open page; while others send too."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from fvm_load import client, hl7, mllp, signing
from fvm_load.bench import Bench
from fvm_load.client import Base, Connection
from fvm_load.hl7 import Person
from fvm_load.rows import Row, left_out
from fvm_load.signing import News, NoSignIn
from fvm_load.stats import Spread

FHIR, PAGE = "lab answer in → found at /fhir", "lab answer in → notice on an open page"
_SYSTEM = "http://electronichealth.se/identifier/personnummer"
_WATCHED, _OTHERS = 10, 100  # patients the page waits for; patients of the messages beside
_PATIENCE = 10.0  # seconds until an answer must be seen
_LOOK = 0.005  # seconds between two looks at /fhir
_BETWEEN = 0.05  # seconds between two answers that are waited for


@dataclass(slots=True)
class Seen:
    """Seconds from sending until it was seen; `late`: not within patience."""

    fhir: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)
    late: int = 0


async def run(bench: Bench) -> list[Row]:
    if bench.target.mllp is None or not bench.target.region:
        return [left_out("visible/fhir", FHIR, "addresses of MLLP and of the region's record are needed")]
    await bench.settle()
    bench.tell(FHIR)
    run = f"V{time.time_ns() // 1_000_000}"
    persons = hl7.people(_WATCHED + _OTHERS)
    watched, others = persons[:_WATCHED], persons[_WATCHED:]
    region = Base.of(bench.target.region)
    try:
        ids = await _known(bench, region, watched, run)
    except OSError as failed:
        return [left_out("visible/fhir", FHIR, f"the first messages were not taken in ({failed or 'too slow'})")]
    news, why = await _news(bench, ids)
    seen, rate = Seen(), bench.options.rate
    beside = asyncio.create_task(_others(bench, others, run, rate))
    try:
        await _watch(bench, region, news, list(zip(watched, ids, strict=True)), run, seen)
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        if news is not None:
            await news.close()
    return _rows(seen, rate, why)


def _rows(seen: Seen, rate: float, why: str) -> list[Row]:
    rows = []
    for key, path, found in (("visible/fhir", FHIR, seen.fhir), ("visible/page", PAGE, seen.page)):
        spread = Spread.of(found)
        if spread is None:
            rows.append(left_out(key, path, why or f"nothing was seen within {_PATIENCE:.0f} s"))
            continue
        row = Row(key, path, "ms", spread.p50, spread, law="staff" if key.endswith("page") else "bench")
        row.count = len(found)
        row.note = f"{len(found)} answers, {rate:g} messages/s beside"
        row.note += f", {seen.late} not seen within {_PATIENCE:.0f} s" if seen.late else ""
        rows.append(row)
    return rows


async def _known(bench: Bench, region: Base, persons: list[Person], run: str) -> list[str]:
    """One answer for each, so that they are known; their Patient ids in the region. Raises OSError (or TimeoutError)."""
    assert bench.target.mllp is not None
    first = iter([hl7.oru(one, f"{run}K{nth}", f"{run}K{nth}") for nth, one in enumerate(persons)])
    await mllp.send(bench.target.mllp, first, connections=1, window=1, seconds=10)
    ids = []
    async with asyncio.timeout(30):
        for one in persons:
            query = f"/Patient?identifier={_SYSTEM}%7C{one.number}"
            while True:
                answer = await client.ask(region, region.request("GET", query, bench.tokens.bench))
                entries = answer.json().get("entry", []) if answer.status == 200 else []
                if entries:
                    break
                await asyncio.sleep(0.1)
            ids.append(entries[0]["resource"]["id"])
    return ids


async def _news(bench: Bench, patients: list[str]) -> tuple[News | None, str]:
    """The open page's stream, as a staff member; else why there is none."""
    door = bench.target.gateway or bench.target.application
    if not door or not bench.tokens.staff:
        return None, bench.tokens.why or "no gateway and no application platform to sign in at"
    base = Base.of(door)
    try:
        # Messages over MLLP belong to a unit of the provider that `bench` and the first staff member work for.
        cookie = await signing.sign_in(base, bench.tokens.staff[0].who)
        return await News.open(base, cookie, patients), ""
    except (NoSignIn, OSError, client.NoAnswer) as refused:
        return None, f"no sign-in: {refused}"


async def _others(bench: Bench, persons: list[Person], run: str, rate: float) -> None:
    """Other patients' answers, evenly spread, until cancelled. They are sent in tenths of a second."""
    assert bench.target.mllp is not None
    messages = hl7.stream(persons, f"{run}O")
    loop, due = asyncio.get_running_loop(), 0.0
    began = loop.time()
    _, writer = connection = await asyncio.open_connection(*bench.target.mllp)
    swallow = asyncio.create_task(_swallow(connection[0]))
    try:
        while True:
            for _ in range(int((loop.time() - began) * rate - due)):
                writer.write(next(messages))
                due += 1
            await writer.drain()
            await asyncio.sleep(min(0.1, 1 / rate))
    finally:
        swallow.cancel()
        writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


async def _watch(
    bench: Bench, region: Base, news: News | None, patients: list[tuple[Person, str]], run: str, seen: Seen
) -> None:
    """One answer after the other until time is up: each is waited for at both places."""
    assert bench.target.mllp is not None
    loop = asyncio.get_running_loop()
    until = loop.time() + bench.seconds(10.0)
    connection = await client.connect(region.host, region.port)
    nth = 0
    while loop.time() < until:
        person, id = patients[nth % len(patients)]
        order = f"{run}W{nth}"
        message = hl7.oru(person, order, order, nth)
        notice = news.next_for(id) if news is not None else None
        began = loop.time()
        acknowledged = mllp.send(bench.target.mllp, iter([message]), connections=1, window=1, seconds=5)
        found = _found(connection, region, bench.tokens.bench, order)
        moments = await asyncio.gather(acknowledged, _patiently(found), _patiently(notice), return_exceptions=False)
        for moment, kept in zip(moments[1:], (seen.fhir, seen.page), strict=True):
            if moment is not None:
                kept.append(moment - began)
        seen.late += moments[1] is None
        nth += 1
        await asyncio.sleep(_BETWEEN)
    connection.close()


async def _patiently(moment: Awaitable[float] | None) -> float | None:
    if moment is None:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            return await moment
    except TimeoutError:
        return None


async def _found(connection: Connection, region: Base, token: str, order: str) -> float:
    """The loop's time when the report with this number is in the region's record."""
    request = region.request("GET", f"/DiagnosticReport?identifier={order}&_summary=count", token)
    loop = asyncio.get_running_loop()
    while True:
        answer = await connection.ask(request)
        if answer.status == 200 and answer.json().get("total"):
            return loop.time()
        await asyncio.sleep(_LOOK)
