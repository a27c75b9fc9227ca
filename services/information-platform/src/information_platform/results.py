"""What VIS must know of a result to say who owes its acknowledgement: whose, at which unit, how far it has come (D18)."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from information_platform.records import NotASystem
from kit.web import SignedIn

Resource = dict[str, Any]
ASKS = "vis"  # the client that may ask
_TYPE = "DiagnosticReport"
_ROWS = "select key, id, pat, lab, rtype, ver, body from res where key = any($1::bigint[]) and rtype = $2"
_BODIES = "select key, body from res where key = any($1::bigint[])"
_ODD = {"A", "AA", "H", "HH", "L", "LL", "HU", "LU", "POS", "RES"}  # of v3-ObservationInterpretation


class ResultsAsked(BaseModel):
    """Ids of DiagnosticReports."""

    ids: list[str] = Field(max_length=500)


class Result(BaseModel):
    """One report, without what it says."""

    id: str
    patient: str
    provider: str
    unit: str
    version: str
    status: str
    issued: str = ""
    effective: str = ""
    abnormal: bool = False
    orders: list[str] = []  # what it answers: ServiceRequest/id, or the number of who placed the order


def router(engine: Engine) -> APIRouter:
    """`POST /internal/records/results`."""
    made = APIRouter(prefix="/internal/records", tags=["records"])

    @made.post("/results")
    async def results(asked: ResultsAsked, caller: SignedIn) -> list[Result]:
        """Those that are in the record now and are about a patient; the reading is logged as VIS's."""
        if caller.kind != "system" or caller.client != ASKS:
            raise NotASystem
        number = TYPES[_TYPE].number
        keys = [engine.keys.of(f"{_TYPE}/{id}") for id in asked.ids]
        rows = [row for row in await engine.db.pool.fetch(_ROWS, keys, number) if row["pat"]]
        await engine.codec.ready(engine.db.pool, [row["body"] for row in rows])
        reports = [(row, parsed(engine.codec.unpack(row["body"], row["key"]))) for row in rows]
        odd = await _odd(engine, [report for _, report in reports])
        found = [_result(engine, row, report, odd) for row, report in reports]
        about = sorted({(row["pat"], row["rtype"], row["lab"]) for row in rows})
        await engine.together.write(Entry(caller, "read", about, len(rows)))
        return [one for one in found if one.patient]

    return made


async def _odd(engine: Engine, reports: Sequence[Resource]) -> set[str]:
    """References to the values of these reports that are marked as outside their limits."""
    names = {reference for report in reports for reference in _values(report)}
    keys = {engine.keys.of(name): name for name in names}
    rows = await engine.db.pool.fetch(_BODIES, list(keys)) if keys else []
    await engine.codec.ready(engine.db.pool, [row["body"] for row in rows])
    return {keys[row["key"]] for row in rows if _abnormal(parsed(engine.codec.unpack(row["body"], row["key"])))}


def _values(report: Resource) -> list[str]:
    return [str(one.get("reference", "")) for one in report.get("result", ())]


def _result(engine: Engine, row: Any, report: Resource, odd: set[str]) -> Result:
    label = engine.labels.by_number[row["lab"]]
    subject = str(report.get("subject", {}).get("reference", ""))
    return Result(
        id=row["id"],
        patient=subject.removeprefix("Patient/") if subject.startswith("Patient/") else "",
        provider=label.provider,
        unit=label.unit,
        version=str(row["ver"]),
        status=str(report.get("status", "")),
        issued=str(report.get("issued", "")),
        effective=str(report.get("effectiveDateTime") or report.get("effectivePeriod", {}).get("start", "")),
        abnormal=not odd.isdisjoint(_values(report)),
        orders=[name for one in report.get("basedOn", ()) if (name := _order(one))],
    )


def _order(found: Resource) -> str:
    """The order as the report names it, "" where it names none that can be found."""
    reference = str(found.get("reference", ""))
    return reference if reference.startswith("ServiceRequest/") else str(found.get("identifier", {}).get("value", ""))


def _abnormal(value: Resource) -> bool:
    """Whether whoever measured says that it is outside its limits."""
    marks = (coding.get("code") for one in value.get("interpretation", ()) for coding in one.get("coding", ()))
    return any(mark in _ODD for mark in marks)
