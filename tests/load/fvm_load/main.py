"""A run: find the region, measure path by path, print, keep."""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import uvloop

from fvm import show
from fvm.trouble import Trouble
from fvm_load import beside, flames, keeping, machine, stock, target, tokens
from fvm_load import table as tables
from fvm_load.bench import Bench
from fvm_load.client import NoAnswer
from fvm_load.ledger import Ledger
from fvm_load.options import parse
from fvm_load.paths import (
    creating,
    disk,
    growing,
    idle,
    importing,
    messages,
    portal,
    reading,
    searching,
    visible,
    whole_way,
    wide,
)
from fvm_load.processes import Watch
from fvm_load.rows import Row, left_out
from fvm_load.stock import CannotPrepare, Stock

_ALONE: dict[str, Callable[[Bench], Awaitable[list[Row]]]] = {
    "idle": idle.run,
    "import": importing.run,
    "whole-way": whole_way.run,
    "visible": visible.run,
    "portal": portal.run,
    "disk": disk.run,
    "mllp": messages.run,
}
_STOCKED: dict[str, Callable[[Bench, Stock], Awaitable[list[Row]]]] = {
    "read": reading.run,
    "create": creating.run,
    "search": searching.run,
    "wide": wide.run,
}


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 measured, 1 not (the reason is said), 2 wrong use, 130 interrupted."""
    options = parse(arguments)
    try:
        found = target.find(options)
        grown = growing.run(found, options.grow, show.telling()) if options.grow else []
        return uvloop.run(_run(options, found, grown))
    except Trouble as trouble:
        show.trouble(trouble.sentence)
        return trouble.code
    except KeyboardInterrupt:
        return 130


async def _run(options: argparse.Namespace, found: target.Target, grown: list[Row]) -> int:
    held = tokens.collect(found.application, found.token)
    if not held.bench and found.data is not None:
        raise Trouble(f"There is no token to measure with ({held.why}); give one with --token.")
    ledger = Ledger(found.databases)
    tell = show.telling()
    fires = flames.wanted(options.flame, tell)
    bench = Bench(found, options, held, ledger, Watch(found.processes), tell, rows=grown, flames=fires)
    began = time.monotonic()
    try:
        head = _head(options, found, machine.describe(await ledger.version()))
        tell(f"measuring {found.name}")
        print(machine.line(head["machine"]), flush=True)
        await _compare(bench, await _measure(bench))
    finally:
        await ledger.close()
        if bench.rows:  # also what was found before an interruption
            _finish(options, head, bench.rows, time.monotonic() - began)
        if fires is not None and (page := fires.write(bench.rows)):
            print(f"flame graphs: {page}")
    return 0 if any(row.value is not None for row in bench.rows) else 1


async def _measure(bench: Bench, ready: Stock | None = None) -> Stock | None:
    """Path by path; the stock that was read, for whoever reads the same store again."""
    await bench.rest()
    for name in bench.options.only:
        try:
            if name in _STOCKED:
                if not bench.target.vis:
                    bench.rows.append(left_out(name, name, "no address of VIS"))
                    continue
                ready = ready or await stock.prepare(bench)
                bench.rows += await _STOCKED[name](bench, ready)
            else:
                bench.rows += await _ALONE[name](bench)
        except CannotPrepare as refused:
            bench.rows.append(left_out(name, name, str(refused)))
        except (OSError, NoAnswer, TimeoutError) as failed:
            bench.rows.append(left_out(name, name, f"{type(failed).__name__}: {failed}"))
    if "idle" in bench.options.only and len(bench.options.only) > 1:
        bench.rows += await idle.again(bench)
    return ready


async def _compare(bench: Bench, ready: Stock | None) -> None:
    """The paths that can be compared, once more: without the log, and at another server."""
    asked = bench.options.only
    bench.options.only = tuple(path for path in asked if path in beside.COMPARED)
    try:
        if bench.options.log_off:
            await bench.settle()
            try:
                async with beside.without_log(bench) as logless:
                    await _measure(logless, ready)
                    bench.rows += beside.renamed(logless.rows, off=True)
            except Trouble as trouble:
                bench.rows.append(left_out(beside.OFF, "once more without the log", trouble.sentence))
        if bench.options.beside:
            other = beside.other(bench)
            await _measure(other)
            bench.rows += beside.renamed(other.rows, off=False)
    finally:
        bench.options.only = asked


def _head(options: argparse.Namespace, found: target.Target, where: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "grown": options.grow,
        "target": found.name,
        "beside": beside.software(options.beside) if options.beside else "",
        "only": list(options.only),
        "options": {"seconds": options.seconds, "messages": options.messages, "rate": options.rate},
        "machine": where,
    }


def _finish(options: argparse.Namespace, head: dict[str, Any], rows: Sequence[Row], seconds: float) -> None:
    """Prints the table and keeps the run."""
    newest, before = keeping.last(options.results, head)
    print()
    side_by_side = keeping.by_size(options.results, head) if options.grow else {}
    if options.grow:
        side_by_side |= {options.grow: {row.key: row.kept() for row in rows if row.value is not None}}
    compared = beside.table(rows, head["beside"])
    printed = (tables.table(rows, before), tables.costs(rows), tables.notes(rows), tables.sizes(side_by_side), compared)
    for lines in printed:
        for line in lines:
            print(line)
        if lines:
            print()
    print(
        "law: bench sees everything; staff of two care providers, some rows withheld (403, 404), is what counts. "
        "Budgets are for 2 cores with the load generator on them."
    )
    print(f"last run: {newest or 'none like this one'}; this one took {seconds:.0f} s")
    if not options.no_save:
        print(f"kept in {keeping.save(options.results, head, rows)}")
    sys.stdout.flush()
