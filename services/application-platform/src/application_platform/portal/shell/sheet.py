"""The frame around every staff page of one patient: banner, tabs, live line, and what could not be shown."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from application_platform.portal import chart, timeline
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import NotShown
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Answer, Page, Source

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a chart before it is drawn: the frame's context, and the answers to its own questions in their order."""

    context: dict[str, Any]
    answers: tuple[Answer, ...]


def staffs(reader: Reader, patient: str) -> str:
    """The patient's id in a staff page's address; raises NotShown for patients, and for what can be no id."""
    if reader.kind != "staff" or not _ID.fullmatch(patient):
        raise NotShown
    return patient


async def ask(portal: Portal, reader: Reader, patient: str, sources: Sequence[Source]) -> tuple[Answer, ...]:
    """Every source asked of this patient's record, at once, newest first where it has an order."""
    return tuple(await portal.record.ask_all(reader.token, [(one, _pairs(one, patient)) for one in sources]))


async def sheet(portal: Portal, reader: Reader, patient: str, tab: str, sources: Sequence[Source]) -> Sheet:
    """Asks for the banner and the page's own part at once; raises what `Record.patient` raises."""
    now = datetime.now(UTC)
    position = portal.hub.position  # taken before the record is asked: what comes in between is told again
    head, answers = await asyncio.gather(
        chart.load_head(portal.record, reader.token, patient, now.astimezone(ZONE).date()),
        ask(portal, reader, patient, sources),
    )
    page = told(answers)
    context = {
        **fragment(portal, reader, patient),
        "page": page,
        "person": head.person,
        "notices": (*head.notices, *chart.of_law(page.withheld)),
        "tab": tab,
        "position": position,
        "since": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clock": f"{now.astimezone(ZONE):%H:%M}",
        "printed": f"{now.astimezone(ZONE):%Y-%m-%d %H:%M}",
        "ticket": portal.hub.ticket(reader.session, patient),
        "kind": "allt",
        "older": "",
    }
    return Sheet(context, answers)


def fragment(portal: Portal, reader: Reader, patient: str) -> dict[str, Any]:
    """What a part of such a page needs: who reads, of whom, and what its forms carry."""
    return {
        "reader": reader,
        "place": portal,
        "patient": patient,
        "base": f"/portal/patients/{patient}",
        "csrf": reader.csrf,
        "new_id": lambda: str(uuid4()),
        "own": False,
    }


def told(answers: Sequence[Answer]) -> Page:
    """What is withheld and what was not checked, in the shape that the templates of the timeline read."""
    given = [answer.bundle for answer in answers if answer.bundle is not None]
    words = dict.fromkeys(answer.source.word for answer in answers if answer.bundle is None)
    return Page((), withheld=frozenset().union(*map(timeline.reasons, given)), unchecked=tuple(words))


def _pairs(source: Source, patient: str) -> list[tuple[str, str]]:
    pairs = [("patient", f"Patient/{patient}"), ("_count", str(source.count))]
    return [*pairs, ("_sort", f"-{source.order}")] if source.order else pairs
