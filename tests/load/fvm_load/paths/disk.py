"""Disk per resource: tables and indexes of the store (outbox, log and raw messages apart), divided by what is there."""

from fvm_load.bench import Bench
from fvm_load.ledger import STORE
from fvm_load.rows import Row, left_out

_NAMES = {"vis": "VIS", "information": "region's record"}


async def run(bench: Bench) -> list[Row]:
    rows = []
    for service, name in _NAMES.items():
        key, path = f"disk/{service}", f"disk per resource, {name}"
        if not bench.ledger.knows(service):
            rows.append(left_out(key, path, "no address of its database (--postgres)"))
            continue
        size = await bench.ledger.size(service, STORE)
        count = await bench.ledger.value(service, "select count(*) from res")
        if not size or not count:
            rows.append(left_out(key, path, "nothing is stored"))
            continue
        tables = {table: await bench.ledger.size(service, (table,)) for table in STORE}
        row = Row(key, path, "B", size / count, count=count, more={"bytes": tables})
        shares = {table: (found or 0) / count for table, found in tables.items()}
        told = ", ".join(f"{table} {share:.0f}" for table, share in shares.items() if share >= 1)
        row.note = f"{count:,} resources; {told}"
        rows.append(row)
    return rows
