"""Searches over many patients: chained, _has, a code newest first, a name's beginning; and as whom they are allowed (D10).

`staff` search over the relations of their own unit; `population` is staff whose commission may search beyond them (ACC-09).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from access.actor import POPULATION
from fvm_load import client
from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.serving import Stream, measure
from fvm_load.stock import Stock, quoted
from fvm_load.tokens import claims

_PAGE = 200
_MOST = 60  # names, and codes, that are asked for in turn
_PREFIX = 6  # letters of a family name

_PATHS = {  # as key: what a person reads, the query, how many connections
    "chained": ("Observation?patient.name=&code=", "/Observation?patient.name={name}&code={code}&_count=20", 8),
    "has": ("Patient?_has:Observation:patient:code=", "/Patient?_has:Observation:patient:code={code}&_count=20", 8),
    "code": ("Observation?code=&_sort=-date", "/Observation?code={code}&_sort=-date&_count=20", 8),
    "name": ("Patient?name= (a beginning)", "/Patient?name={prefix}&_count=20", 16),
}


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in the store: family names, and codes of Observations (system|code)."""

    names: list[str]
    codes: list[str]


async def run(bench: Bench, _stock: Stock) -> list[Row]:
    base = Base.of(bench.target.vis)
    words = await _words(base, bench.tokens.bench)
    if not words.names or not words.codes:
        return [left_out("wide", "searches over many patients", "no patient has a name, or no Observation a code")]
    await bench.settle()
    rows = []
    for law, held in _laws(bench).items():
        if not held:
            rows.append(left_out(f"wide/{law}", f"searches over many patients as {law}", bench.tokens.why or _NOBODY))
            continue
        for name, (path, query, connections) in _PATHS.items():
            requests = [
                base.request("GET", _filled(query, words, nth), held[nth % len(held)]) for nth in range(4 * _MOST)
            ]
            stream = Stream(
                f"wide/{name}/{law}/{connections}",
                f"{path}, 20 rows, {connections} connections",
                base,
                requests,
                connections,
                bench.short(),
                law,
            )
            rows.append(await measure(bench, stream))
    return rows


_NOBODY = "nobody among the demo staff may"


def _laws(bench: Bench) -> dict[str, list[str]]:
    """Tokens by as whom is searched."""
    if not bench.tokens.staff and not bench.tokens.why:  # a server without our law
        return {"bench": [bench.tokens.bench]}
    said = [(one.token, claims(one.token)["fvm"]["commission"]["rights"]) for one in bench.tokens.staff]
    wider = [token for token, rights in said if POPULATION in rights]
    own = [token for token, rights in said if POPULATION not in rights]
    return {"bench": [bench.tokens.bench], "staff": own, "population": wider}


def _filled(query: str, words: Words, nth: int) -> str:
    """The nth query: names and codes go round at lengths of their own, so that pairs do not repeat soon."""
    name = words.names[nth % len(words.names)]
    code = words.codes[(nth // 3) % len(words.codes)]
    return query.format(name=quoted(name), prefix=quoted(name[:_PREFIX]), code=quoted(code))


async def _words(base: Base, token: str) -> Words:
    patients = await _page(base, token, f"/Patient?_count={_PAGE}")
    families = Counter(name["family"] for one in patients for name in one.get("name", ()) if name.get("family"))
    observations = await _page(base, token, f"/Observation?_count={_PAGE}")
    codings = (one["code"]["coding"][0] for one in observations if one.get("code", {}).get("coding"))
    codes = Counter(f"{one.get('system', '')}|{one['code']}" for one in codings if one.get("code"))
    return Words([name for name, _ in families.most_common(_MOST)], [code for code, _ in codes.most_common(_MOST)])


async def _page(base: Base, token: str, below: str) -> list[dict[str, Any]]:
    answer = await client.ask(base, base.request("GET", below, token))
    return [entry["resource"] for entry in answer.json().get("entry", ())] if answer.status == 200 else []
