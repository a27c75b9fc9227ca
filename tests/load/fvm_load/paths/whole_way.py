"""The whole way of a ward's data: VIS → Kafka → the region's record, until the counts of every type agree."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

from fvm_load import client, synthea
from fvm_load.bench import Bench, Meter
from fvm_load.client import Base
from fvm_load.paths.importing import post_all
from fvm_load.rows import Row, left_out
from fvm_load.stats import per_item

KEY, PATH = "whole-way", "VIS → Kafka → region's record"
_LONG = 8.0  # seconds of posting
_PATIENCE = 60.0  # seconds until everything must have arrived
_LOOK = 0.1  # seconds between two looks; each costs the region a count


async def run(bench: Bench) -> list[Row]:
    if not bench.target.vis or not bench.target.region:
        return [left_out(KEY, PATH, "addresses of VIS and of the region's record are needed")]
    if synthea.folder() is None:
        return [left_out(KEY, PATH, "../shared/data/synthea is not beside the checkout")]
    await bench.settle()
    bench.tell(PATH)
    transactions = synthea.bundles()[1]
    region = Base.of(bench.target.region)
    before = await _counts(region, bench.tokens.bench, synthea.types())
    meter = Meter(bench, KEY, "information")
    await meter.start()
    began = time.perf_counter()
    done = await post_all(bench, transactions, 2, bench.seconds(_LONG))
    sent = time.perf_counter()
    missing = await _arrive(bench, region, before, done.created)
    took = time.perf_counter() - began
    count = done.created.total()
    row = Row(KEY, PATH, "resources/s", law="bench", log="", count=count, seconds=took)
    row.cpu = per_item(meter.cpu(), count)
    row.more = {"bundles": len(done.latencies), "seconds_posting": sent - began, "seconds_after": took - (sent - began)}
    if missing:
        row.note = f"left out: after {_PATIENCE:.0f} s the counts still differ: {_named(missing)}"
        return [row]
    row.value = count / took
    row.note = f"{count:,} resources, the last arrived {took - (sent - began):.1f} s after the last bundle was accepted"
    return [row]


async def _arrive(bench: Bench, region: Base, before: Counter[str], created: Counter[str]) -> Counter[str]:
    """Waits for the commonest type, then for all; gives what is missing when patience ends."""
    until = time.monotonic() + _PATIENCE
    first = [name for name, _ in created.most_common(1)]
    for names in (first, list(created)):
        missing = created
        while missing:
            now = await _counts(region, bench.tokens.bench, names)
            missing = Counter({n: created[n] + before[n] - now[n] for n in names if now[n] < created[n] + before[n]})
            if missing and time.monotonic() > until:
                return missing
            if missing:
                await asyncio.sleep(_LOOK)
    return Counter()


async def _counts(region: Base, token: str, names: Iterable[str]) -> Counter[str]:
    wanted = list(names)
    requests = [region.request("GET", f"/{name}?_summary=count", token) for name in wanted]
    answers = await client.ask_all(region, requests, connections=2)
    return Counter({name: int(answer.json()["total"]) for name, answer in zip(wanted, answers, strict=True)})


def _named(missing: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in missing.most_common())
