"""Read by id, directly and through the gateway: with `bench`, and with staff of two providers (law and log on, D19)."""

import time
from collections.abc import Callable
from itertools import cycle

from fvm_load import client
from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.serving import Stream, measure
from fvm_load.stats import percentile
from fvm_load.stock import Stock, mixed, plain


async def run(bench: Bench, stock: Stock) -> list[Row]:
    makers: dict[str, Callable[[Base], list[bytes]]] = {"bench": lambda base: plain(stock, bench.tokens.bench, base)}
    rows: list[Row] = []
    if bench.tokens.staff:
        makers["staff"] = lambda base: mixed(stock, bench.tokens.staff, base)
    else:
        rows.append(left_out("read/direct/staff/64", "read by id as staff", bench.tokens.why))
    doors = {"direct": bench.target.vis, "gateway": bench.target.gateway_vis}
    await bench.settle()
    for door, url in doors.items():
        if not url:
            rows.append(left_out(f"read/{door}/staff/64", f"read by id, {door}", "no address"))
            continue
        for connections in (64, 1):
            for law, make in makers.items():
                base = Base.of(url)
                name = f"read by id, {door}, {connections} connection{'s' if connections > 1 else ''}"
                key = f"read/{door}/{law}/{connections}"
                seconds = bench.short() if connections > 1 else min(3.0, bench.short())
                rows.append(await measure(bench, Stream(key, name, base, make(base), connections, seconds, law)))
    if bench.target.gateway:
        rows.append(await _hop(bench, stock))
    return rows


async def _hop(bench: Bench, stock: Stock) -> Row:
    """What the gateway adds at one connection: asked in turn directly and through it, so that noise meets both alike."""
    path = "gateway hop, p50 at 1 connection"
    bench.tell(path)
    doors = [Base.of(url) for url in (bench.target.vis, bench.target.gateway_vis)]
    opened = [await client.connect(base.host, base.port) for base in doors]
    requests = [plain(stock, bench.tokens.bench, base) for base in doors]
    found: tuple[list[float], list[float]] = ([], [])
    until = time.perf_counter() + bench.short()
    for pair in cycle(zip(*requests, strict=True)):
        for connection, request, kept in zip(opened, pair, found, strict=True):
            sent = time.perf_counter()
            await connection.ask(request)
            kept.append(time.perf_counter() - sent)
        if sent > until:
            break
    for connection in opened:
        connection.close()
    direct, through = (percentile(sorted(one), 0.5) * 1e3 for one in found)
    row = Row("read/hop", path, "ms", max(0.0, through - direct), law="bench", count=len(found[0]))
    row.note = f"p50 {direct:.2f} ms direct, {through:.2f} ms through the gateway, {row.count} of each in turn"
    return row
