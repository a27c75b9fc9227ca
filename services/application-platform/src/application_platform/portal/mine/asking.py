"""Several parts of a patient's record asked for one page: what came, what did not, and what is not shown."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from application_platform.portal.mine.frame import Mine
from application_platform.portal.person import Person, person
from application_platform.portal.reader import Portal
from application_platform.portal.shell.sheet import ask, told
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Answer, Page, Source


@dataclass(frozen=True, slots=True)
class Found:
    """`answers` in the order asked. `page` says what is withheld and what could not be fetched, in the timeline's shape.

    `young` is that the reader is too young to read their own record by themselves.
    """

    answers: tuple[Answer, ...]
    page: Page
    person: Person
    today: date
    young: bool

    @property
    def bundles(self) -> list[Mapping[str, Any]]:
        return [one.bundle for one in self.answers if one.bundle is not None]

    def bundle(self, nth: int) -> Mapping[str, Any] | None:
        return self.answers[nth].bundle


async def asked(portal: Portal, mine: Mine, sources: Sequence[Source]) -> Found:
    """Every source at once, newest first where it has an order. Raises what `Record.patient` raises."""
    today = datetime.now(ZONE).date()
    patient, answers = await asyncio.gather(
        portal.record.patient(mine.reader.token, mine.patient),
        ask(portal, mine.reader, mine.patient, sources),
    )
    who = person(patient, today)
    return Found(answers, told(answers), who, today, mine.young(who.born, today))
