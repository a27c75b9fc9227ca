"""Everything that waits for the reader: the tasks of the record and the messages of patients, as one list."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from application_platform.portal.contact import waiting as messages
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import SignedOut
from application_platform.portal.shell import day
from application_platform.portal.shell.day import Waiting
from application_platform.portal.shell.desk import Desk
from application_platform.portal.swedish import ZONE
from fhircore.identifiers import HSA
from kit.problems import Problem


@dataclass(frozen=True, slots=True)
class Waits:
    """`rows` late first; `more`: there is more than was read; `unchecked`: what could not be asked, in words."""

    rows: tuple[Waiting, ...]
    more: bool
    unchecked: tuple[str, ...]

    @property
    def mine(self) -> list[Waiting]:
        """What waits for me to act: mine, the unit's, and what is offered to me; not what a colleague has taken."""
        return [row for row in self.rows if row.whose != "others" or (row.offer is not None and row.offer.mine)]

    @property
    def others(self) -> list[Waiting]:
        """What a colleague has taken."""
        return [row for row in self.rows if row.whose == "others" and not (row.offer is not None and row.offer.mine)]


async def count(request: Request, portal: Portal, reader: Reader) -> int | None:
    """How many wait for the reader and the unit, asked as the reader without opening anybody's record; None where something was
    not answered. What a colleague offers is not counted before it is taken."""
    held = reader.commission
    owners = [("owner:identifier", f"{HSA}|{reader.person}"), ("owner:missing", "true")]
    owners += [("owner", f"Organization/{held.unit}")] if held else []
    asked = (portal.record.count(reader.token, "Task", [("status", day.OPEN), one]) for one in owners)
    try:
        found = [*await asyncio.gather(*asked), await messages.count(request, reader)]
    except SignedOut:
        raise
    except Problem:
        return None
    return None if any(one is None for one in found) else sum(one or 0 for one in found)


async def waits(request: Request, portal: Portal, reader: Reader, now: datetime, position: str = "") -> Waits:
    """Asked as the reader; what was written at `position` of VIS is waited for."""
    asked = [(day.WAITING, [("_count", str(day.WAITING.count))])]
    (tasks,), told = await asyncio.gather(
        portal.record.ask_all(reader.token, asked, position), messages.waiting(request, portal, reader)
    )
    desk = Desk(reader.person, reader.commission.unit if reader.commission else "")
    rows = day.waiting(tasks, now, now.astimezone(ZONE).date(), desk)
    links = tasks.bundle.get("link", ()) if tasks.bundle is not None else ()
    missing = ((tasks.bundle is None, tasks.source.word), (told is None, "meddelanden från patienter"))
    return Waits(
        tuple(day.ordered([*rows, *(told or ())])),
        any(link.get("relation") == "next" for link in links),
        tuple(word for away, word in missing if away),
    )
