"""Whose record a page of a patient is about, and who reads: the patient, a guardian, or who has a mandate (PAT-04, PAT-11)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import Depends, Request

from application_platform.messages import store as messages
from application_platform.portal.person import person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.swedish import ZONE
from application_platform.sign_in import browser
from kit.problems import Kind, Problem

Role = Literal["self", "guardian", "mandate"]
_ADULT = 16  # years: who is younger does not read their own record without a unit's decision (PAT-03, PAT-05)


class ForAnother(Problem):
    """A form was about another patient than the page it came to: nothing is done."""

    kind = Kind.RULE_BROKEN
    code = "application/form-of-another-patient"
    title = "The form belongs to another patient; nothing was done"


@dataclass(frozen=True, slots=True)
class Mine:
    """`reader` holds a token for exactly this patient's record. `name` and `age` are the patient's where another one reads.

    `unread` is how many of the patient's threads hold something new from a clinic.
    """

    reader: Reader
    patient: str
    role: Role = "self"
    name: str = ""
    age: str = ""
    unread: int = 0

    @property
    def base(self) -> str:
        """Where this patient's pages are."""
        return f"/portal/mine/{self.patient}"

    @property
    def whose(self) -> str:
        """Whose record it is, to who reads: din, or the patient's name in the genitive."""
        if self.role == "self":
            return "din"
        return self.name if self.name.endswith(("s", "x", "z")) else f"{self.name}s"

    def young(self, born: str, today: date) -> bool:
        """Whether the reader is too young to read their own record by themselves; `born` is a date, "" when not known."""
        if self.role != "self" or len(born) != len("2013-11-23"):
            return False
        day = date.fromisoformat(born)
        return today.year - day.year - ((today.month, today.day) < (day.month, day.day)) < _ADULT


async def mine(request: Request, portal: InPortal, reader: Reads, patient: str) -> Mine:
    """The record that the address names. Raises NotShown unless it is the reader's own or they act for the patient today."""
    if reader.kind != "patient":
        raise NotShown
    if patient == reader.patient:
        return Mine(reader, patient, unread=await _unread(request, patient))
    roles: Mapping[str, Role] = {one["patient"]: one["role"] for one in await portal.access.acting(reader.token)}
    if patient not in roles:
        raise NotShown
    acting = replace(reader, token=portal.token_as(request, reader, patient), patient=patient)
    found = person(await portal.record.patient(acting.token, patient), datetime.now(ZONE).date())
    unread = await _unread(request, patient)
    return Mine(acting, patient, roles[patient], found.given or found.plain_name, found.age, unread)


InMine = Annotated[Mine, Depends(mine)]


async def _unread(request: Request, patient: str) -> int:
    """A number and no content, of a patient for whom the law has let the reader in."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return 0
    async with db.transaction() as tx:
        return await messages.unread(tx, patient)


async def sent(request: Request, mine: Mine, about: str) -> None:
    """Checks a form before it does anything: it came from our page, and is about the patient of the address (FL-04).

    Raises sign-in's FromElsewhere, or ForAnother.
    """
    await browser.check(request, request.app.state.settings, mine.reader.csrf)
    if about != mine.patient:
        raise ForAnother


def framed(portal: Portal, mine: Mine, here: str, **more: Any) -> dict[str, Any]:
    """The context of a page that extends patient.html. `here`: start, journal, bookings, contact, medicines, privacy or more.

    `csrf`, `patient` and `new_id()` are what every form carries.
    """
    reader = mine.reader
    return {
        "reader": reader,
        "place": portal,
        "mine": mine,
        "here": here,
        "patient": mine.patient,
        "base": mine.base,
        "csrf": reader.csrf,
        "new_id": lambda: str(uuid4()),
        "own": True,
        **more,
    }
