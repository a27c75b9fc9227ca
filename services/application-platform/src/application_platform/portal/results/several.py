"""Several normal answers are acknowledged at once: each with its own patient, its own version and its own acknowledgement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.care import NotTaken
from application_platform.portal.entries import report
from application_platform.portal.entry import Entry, reference
from application_platform.portal.person import Person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results.inside import all_inside
from application_platform.portal.shell.waits import waits
from application_platform.portal.timeline import Source
from application_platform.portal.values import key_of
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/inbox/normal", route_class=PageRoute, include_in_schema=False)

_MOST = 40  # answers on one page
_NONE: frozenset[str] = frozenset()
_REPORTS = Source(
    "DiagnosticReport", "", _NONE, "svaren", _MOST, (("_include", "DiagnosticReport:result"), ("_count", str(_MOST)))
)
_CHANGED = "har ändrats eller är redan vidimerat. Läs det för sig."
_AWAY = "vårdsystemet svarar inte. Försök igen om en stund."
_One = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,64} [A-Za-z0-9.\-]{1,64} [0-9]{1,20}$")]


class Filled(BaseModel):
    """Those that are chosen, each as "patient report version"."""

    one: list[_One] = Field(default=[], max_length=_MOST)


@dataclass(frozen=True, slots=True)
class Normal:
    """An answer with every value inside its reference, of one patient, in the version that is shown."""

    person: Person
    entry: Entry
    version: str

    @property
    def name(self) -> str:
        return f"{self.person.id} {self.entry.key.partition('/')[2]} {self.version}"


@router.get("")
async def normal(request: Request, portal: InPortal, reader: Reads) -> Response:
    """The answers that wait for the reader's unit and are wholly inside their references."""
    return await _page(request, portal, reader)


@router.post("")
async def acknowledge(request: Request, portal: InPortal, reader: Reads, filled: Annotated[Filled, Form()]) -> Response:
    """Each that is chosen and is still what was shown; what could not be is said, one by one."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    found, _ = await _read(request, portal, reader)
    shown = {one.name: one for one in found or ()}
    done: list[Normal] = []
    left: list[str] = []
    for name in dict.fromkeys(filled.one):
        if name not in shown:
            left.append(f"Ett svar {_CHANGED if found is not None else 'är INTE vidimerat: ' + _AWAY}")
            continue
        why = await _acknowledged(portal, reader, shown[name])
        if why:
            left.append(f"{shown[name].entry.title}, {shown[name].person.name}: {why}")
        else:
            done.append(shown[name])
    return await _page(request, portal, reader, done, left)


async def _acknowledged(portal: Portal, reader: Reader, one: Normal) -> str:
    """Why it was not, "" when it was."""
    said = {"version:valueString": one.version, "outcome:valueCode": "none"}
    try:
        await portal.care.act(reader.token, one.person.id, one.entry.key, "acknowledge", said)
    except SignedOut:
        raise
    except NotTaken as problem:
        return problem.detail
    except Problem:
        return f"INTE vidimerat: {_AWAY}"
    return ""


async def _read(request: Request, portal: Portal, reader: Reader) -> tuple[list[Normal] | None, bool]:
    """Those that wait and are normal, None where they could not be asked; and whether the inbox holds more than was read."""
    if reader.kind != "staff":
        raise NotShown
    inbox = await waits(request, portal, reader, datetime.now(UTC))
    owed = {row.focus: row.person for row in inbox.mine if row.code == "result" and row.person is not None}
    asked = [key.partition("/")[2] for key in owed if key.startswith("DiagnosticReport/")][:_MOST]
    if inbox.unchecked and not asked:
        return None, inbox.more
    if not asked:
        return [], inbox.more
    answer = await portal.record.ask(reader.token, _REPORTS, [("_id", ",".join(asked))])
    if answer.bundle is None:
        return None, inbox.more
    held = {key_of(one): one for one in timeline.resources(answer.bundle)}
    return _normal(timeline.matches(answer.bundle), held, owed), inbox.more or len(owed) > len(asked)


def _normal(
    reports: Sequence[Mapping[str, Any]], held: Mapping[str, Mapping[str, Any]], owed: Mapping[str, Person]
) -> list[Normal]:
    found = []
    for one in reports:
        who = owed.get(key_of(one))
        if who is not None and reference(one.get("subject")) == f"Patient/{who.id}" and all_inside(one, held):
            found.append(Normal(who, report(one, held), str(one.get("meta", {}).get("versionId", "1"))))
    return found


async def _page(
    request: Request, portal: Portal, reader: Reader, done: Sequence[Normal] = (), left: Sequence[str] = ()
) -> Response:
    rows, more = await _read(request, portal, reader)
    gone = {one.name for one in done}
    context = {
        "reader": reader,
        "place": portal,
        "here": "inbox",
        "csrf": reader.csrf,
        "rows": [one for one in rows or () if one.name not in gone],
        "known": rows is not None,
        "more": more,
        "done": done,
        "left": left,
    }
    return render.page(request, "staff/normal.html", context, 409 if left else 200)
