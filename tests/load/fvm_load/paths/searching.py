"""Search within one patient, newest 20: alone, with a date, with a code."""

from dataclasses import dataclass

from fvm_load import client
from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.serving import Stream, measure
from fvm_load.stock import Stock, quoted

_CONNECTIONS = 16
_PATIENTS = 100
_ENOUGH = 20  # Observations a patient must have


@dataclass(frozen=True, slots=True)
class Asked:
    """A patient's id with a year and a code (system|code) among their Observations."""

    patient: str
    year: str
    code: str


async def run(bench: Bench, stock: Stock) -> list[Row]:
    base = Base.of(bench.target.vis)
    asked = await _patients(bench, stock, base)
    if not asked:
        return [left_out("search/patient/staff/16", "patient-scoped search", f"no patient has {_ENOUGH} Observations")]
    await bench.settle()
    # All staff of the first provider: the one that `bench` writes for, so the rows are theirs.
    staff = [one for one in bench.tokens.staff if one.provider == _provider(bench, stock)]
    tokens = {"bench": [bench.tokens.bench], "staff": [one.token for one in staff]}
    rows = []
    for law, held in tokens.items():
        if not held:
            rows.append(left_out("search/patient/staff/16", "patient-scoped search as staff", bench.tokens.why))
            continue
        for name, more in (("patient", ""), ("date", "&date=ge{year}-01-01"), ("code", "&code={code}")):
            path = f"Observation?patient={'&' + name + '=' if more else ''}, 20 rows, {_CONNECTIONS} connections"
            requests = [
                base.request("GET", _query(one, more), held[nth % len(held)]) for nth, one in enumerate(asked * 4)
            ]
            key = f"search/{name}/{law}/{_CONNECTIONS}"
            rows.append(await measure(bench, Stream(key, path, base, requests, _CONNECTIONS, bench.short(), law)))
    return rows


def _query(one: Asked, more: str) -> str:
    return f"/Observation?patient={one.patient}{more.format(year=one.year, code=quoted(one.code))}&_count=20"


def _provider(bench: Bench, stock: Stock) -> str:
    """Whose staff see most of what is stored."""
    return max(bench.tokens.providers, key=lambda provider: len(stock.ids.get(provider, ())), default="")


async def _patients(bench: Bench, stock: Stock, base: Base) -> list[Asked]:
    patients = [reference.removeprefix("Patient/") for reference in stock.patients][:_PATIENTS]
    requests = [
        base.request("GET", f"/Observation?patient={id}&_count={_ENOUGH}", bench.tokens.bench) for id in patients
    ]
    found = []
    for id, answer in zip(patients, await client.ask_all(base, requests), strict=True):
        entries = answer.json().get("entry", []) if answer.status == 200 else []
        dated = [entry["resource"] for entry in entries if "effectiveDateTime" in entry["resource"]]
        if len(entries) < _ENOUGH or not dated:
            continue
        coding = dated[0]["code"]["coding"][0]
        found.append(Asked(id, dated[-1]["effectiveDateTime"][:4], f"{coding.get('system', '')}|{coding['code']}"))
    return found
