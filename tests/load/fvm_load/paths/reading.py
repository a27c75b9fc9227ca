"""Read by id, directly and through the gateway: with `bench`, and with staff of two providers (law and log on, D19)."""

from collections.abc import Callable

from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.serving import Stream, measure
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
    return rows + _hop(rows)


def _hop(rows: list[Row]) -> list[Row]:
    """What the gateway adds to the median at one connection."""
    p50 = {row.key: row.spread.p50 for row in rows if row.spread is not None}
    direct, through = p50.get("read/direct/bench/1"), p50.get("read/gateway/bench/1")
    if direct is None or through is None:
        return []
    return [Row("read/hop", "gateway hop, p50 at 1 connection", "ms", max(0.0, through - direct), law="bench")]
