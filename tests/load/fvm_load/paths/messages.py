"""HL7 v2 over MLLP: ORU^R01 with 12 OBX, acknowledged after they are durable; and what one takes on disk."""

import asyncio
import time
from itertools import islice

from fvm_load import hl7, mllp
from fvm_load.bench import Bench, Meter
from fvm_load.ledger import MESSAGES
from fvm_load.rows import Row, left_out
from fvm_load.stats import Spread, per_item

KEY, PATH = "mllp", "ORU^R01 (12 OBX) over MLLP, 32 connections × window 8"
DISK = "disk per message at Exchange"
_PEOPLE = 200
_QUICK = 1_000  # messages


async def run(bench: Bench) -> list[Row]:
    if bench.target.mllp is None:
        return [left_out(KEY, PATH, "no MLLP address")]
    await bench.settle()
    bench.tell(PATH)
    most = _QUICK if bench.options.quick else bench.options.messages
    # Written beforehand, so that the sender's CPU is not in the way of the receiver's.
    messages = list(islice(hl7.stream(hl7.people(_PEOPLE), f"B{time.time_ns() // 1_000_000}"), most))
    before = await bench.ledger.size("exchange", MESSAGES)
    meter = Meter(bench, KEY)
    await meter.start()
    try:
        sent = await mllp.send(bench.target.mllp, iter(messages), connections=32, window=8, seconds=bench.seconds(20.0))
    except OSError as refused:
        return [left_out(KEY, PATH, f"nobody listens there ({refused})")]
    used = meter.cpu()
    count = sent.codes["AA"]
    row = Row(KEY, PATH, "messages/s", count / sent.seconds, Spread.of(sent.latencies), law="sender")
    row.count, row.seconds, row.cpu = count, sent.seconds, per_item(used, count)
    row.statuses = dict(sent.codes)
    row.more = {"bytes": round(sum(map(len, messages)) / len(messages)), "without_answer": sent.broken}
    left = await bench.ledger.waiting()
    row.note = f"{row.more['bytes']:,} bytes each"
    if left:
        row.note += "; on their way at the end: " + ", ".join(f"{name} {many:,}" for name, many in left.items())
    return [row, await _disk(bench, before, count)]


async def _disk(bench: Bench, before: int | None, count: int) -> Row:
    if before is None or not count:
        return left_out("mllp/disk", DISK, "no address of its database (--postgres), or nothing was taken")
    await _translated(bench)  # the row that says what became of a message counts too
    after = await bench.ledger.size("exchange", MESSAGES)
    grown = (after or 0) - before
    waiting = await bench.ledger.value("exchange", "select count(*) from message_waiting")
    row = Row("mllp/disk", DISK, "B", grown / count, count=count, more={"grown": grown})
    row.note = f"{waiting:,} of them not translated yet" if waiting else ""
    return row


async def _translated(bench: Bench, patience: float = 20.0) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if not await bench.ledger.value("exchange", "select count(*) from message_waiting"):
            return
        await asyncio.sleep(0.5)
