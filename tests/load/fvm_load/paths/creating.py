"""create: Observations one by one, each answered when it is durable."""

from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.serving import Stream, measure
from fvm_load.stock import Stock, observation

_BODIES = 2_000
_PROBE = 64


async def run(bench: Bench, stock: Stock) -> list[Row]:
    base = Base.of(bench.target.vis)
    staff = bench.tokens.staff[0].token if bench.tokens.staff else ""
    rows: list[Row] = []
    for law, token in (("bench", bench.tokens.bench), ("staff", staff)):
        key, name = f"create/{law}/64", "create Observation, direct, 64 connections"
        if law == "staff" and not token:
            rows.append(left_out(key, name, bench.tokens.why))
            continue
        await bench.settle()
        requests = []
        for nth in range(_BODIES):
            patient = stock.patients[nth % len(stock.patients)]
            headers = {"FVM-Patient": patient.removeprefix("Patient/")} if law == "staff" else {}
            requests.append(
                base.request("POST", "/Observation", token, observation(stock.sample, patient, nth), headers)
            )
        stream = Stream(key, name, base, requests, 64, bench.short(), law, probe=_PROBE)
        rows.append(await measure(bench, stream))
    return rows
