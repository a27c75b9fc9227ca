"""Transactions into VIS: a ward's data, batches first, then the patients' bundles over and over, each a new copy."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

from fvm_load import client, synthea
from fvm_load.bench import Bench, Meter
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.stats import Spread, per_item

_LONG = 8.0  # seconds; what is imported must also be taken in by the rest of the region before the next figure


async def run(bench: Bench) -> list[Row]:
    if not bench.target.vis:
        return [left_out("import/2", "transaction import", "no address of VIS")]
    if synthea.folder() is None:
        return [left_out("import/2", "transaction import", "../shared/data/synthea is not beside the checkout")]
    base, (batches, transactions) = Base.of(bench.target.vis), synthea.bundles()
    for batch in batches:
        answer = await synthea.post(base, bench.tokens.bench, batch)
        if answer.status != 200:
            return [left_out("import/2", "transaction import", f"a batch was answered {answer.status}")]
    rows = []
    for connections in (2, 4):
        await bench.settle()
        name = f"transaction import into VIS, {connections} connections"
        rows.append(await _measured(bench, f"import/{connections}", name, transactions, connections))
    if bench.options.hold:
        await bench.settle()
        async with held(bench, ("information", "exchange", "application")):
            rows.append(
                await _measured(bench, "import/held", "the same, the other services held still", transactions, 4)
            )
    return rows


async def _measured(bench: Bench, key: str, path: str, transactions: Sequence[bytes], connections: int) -> Row:
    bench.tell(path)
    meter = Meter(bench, key, "vis")
    await meter.start()
    done = await post_all(bench, transactions, connections, bench.seconds(_LONG))
    used = meter.cpu()
    count = done.created.total()
    return Row(
        key,
        path,
        "resources/s",
        count / done.seconds,
        Spread.of(done.latencies),
        law="bench",
        log=await meter.log(len(done.latencies)),
        count=count,
        seconds=done.seconds,
        cpu=per_item(used, count),
        statuses={str(status): many for status, many in done.statuses.items() if status != 200},
        more={"bundles": len(done.latencies), "types": dict(done.created)},
        note=f"{len(done.latencies)} bundles, latency is a bundle's",
    )


class Done:
    """Bundles posted: what they made, how long each took (s), what was answered."""

    def __init__(self) -> None:
        self.created: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.seconds = 0.0


async def post_all(bench: Bench, bundles: Sequence[bytes], connections: int, seconds: float) -> Done:
    """Posts bundles in turn until time is up. Reading the answers is left for the end."""
    base, done, bodies = Base.of(bench.target.vis), Done(), []
    requests = [base.request("POST", "", bench.tokens.bench, bundle) for bundle in bundles]
    turn = cycle(requests)
    began = time.perf_counter()

    async def work() -> None:
        connection = await client.connect(base.host, base.port)
        while (sent := time.perf_counter()) < began + seconds:
            answer = await connection.ask(next(turn))
            done.latencies.append(time.perf_counter() - sent)
            done.statuses[answer.status] += 1
            if answer.status == 200:
                bodies.append(answer.body)
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    done.seconds = time.perf_counter() - began
    for body in bodies:
        done.created += synthea.created(body)
    return done


@asynccontextmanager
async def held(bench: Bench, names: Sequence[str]) -> AsyncIterator[None]:
    """Stops these processes of the demo region for a moment (SIGSTOP), and lets them go on whatever happens."""
    pids = [pid for name in names for pid in bench.target.processes.get(name, list)()]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
