"""What can be put into a note that is being written: the latest values and the medicines, each with its time and source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.reader import InPortal, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results import series
from application_platform.portal.results.pages import LABORATORY
from application_platform.portal.results.series import Series
from application_platform.portal.shell.sheet import ask, fragment, staffs, told
from application_platform.portal.summary import lists
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Source
from application_platform.portal.values import Value

router = APIRouter(prefix="/portal/patients/{patient}/notes", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
_ASKED = (
    Source("Observation", "date", _NONE, "mätvärden", 40, (("category", "vital-signs"),)),
    Source("Observation", "date", _NONE, "provsvar", 60, LABORATORY.extra),
    Source("MedicationRequest", "authoredon", _NONE, "ordinationer", 300),
    Source("MedicationStatement", "", _NONE, "läkemedelslista", 300),
)
_FEW = 8  # values of each kind


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown, and the words that are put in: they say when it was measured and where it stands."""

    name: str
    value: Value | None
    words: str


@router.get("/insert")
async def insert(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """A fragment of the editor; what did not answer is said in it."""
    asked = staffs(reader, patient)
    answers = await ask(portal, reader, asked, _ASKED)
    vitals, labs = (series.series(lists.resources(answers[at : at + 1], "Observation")) for at in (0, 1))
    drugs = lists.medicines(lists.resources(answers[2:], "MedicationRequest", "MedicationStatement")).current
    context = {
        **fragment(portal, reader, asked),
        "page": told(answers),
        "rows": [*_rows(labs, "provsvar"), *_rows(vitals, "mätt")],
        "drugs": medicines(drugs, f"{datetime.now(UTC).astimezone(ZONE):%Y-%m-%d}") if drugs else None,
    }
    return render.page(request, "staff/insert.html", context)


def _rows(found: Sequence[Series], source: str) -> list[Row]:
    standing = [one for one in found if one.last.note != "makulerad"]
    latest = sorted(standing, key=lambda one: (-one.last.at.at.timestamp(), one.name.casefold()))[:_FEW]
    return [Row(one.name, one.last.value, words(one, source)) for one in latest]


def words(one: Series, source: str) -> str:
    """P-Kalium 5,6 mmol/L, högt (provsvar 2026-11-23 09:12); a preliminary or corrected one says so."""
    point = one.last
    marked = "".join(f", {word}" for word in (point.value.word, point.note) if word)
    at = f"{point.at.date} {point.at.clock}".strip()
    return f"{one.name} {point.value.plain}{marked} ({source} {at})".replace("\u00a0", " ")


def medicines(lines: Sequence[lists.Line], day: str) -> Row:
    """The whole list, one row for each."""
    rows = [f"– {', '.join(part for part in (one.entry.title, one.entry.line) if part)}" for one in lines]
    listed = "\n".join((f"Aktuella läkemedel enligt journalen {day}:", *rows))
    return Row(f"Läkemedelslista, {len(rows)} {'rad' if len(rows) == 1 else 'rader'}", None, listed)
