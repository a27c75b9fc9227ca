"""Whose record a page of a patient is about, and who reads: the patient, a guardian, or who has a mandate (PAT-04, PAT-11)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import Depends, Request

from application_platform.portal.person import person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.swedish import ZONE
from application_platform.sign_in import browser
from kit.problems import Kind, Problem

Role = Literal["self", "guardian", "mandate"]


class ForAnother(Problem):
    """A form was about another patient than the page it came to: nothing is done."""

    kind = Kind.RULE_BROKEN
    code = "application/form-of-another-patient"
    title = "The form belongs to another patient; nothing was done"


@dataclass(frozen=True, slots=True)
class Mine:
    """`reader` holds a token for exactly this patient's record. `name` and `age` are the patient's where another one reads."""

    reader: Reader
    patient: str
    role: Role = "self"
    name: str = ""
    age: str = ""

    @property
    def base(self) -> str:
        """Where this patient's pages are."""
        return f"/portal/mine/{self.patient}"


async def mine(request: Request, portal: InPortal, reader: Reads, patient: str) -> Mine:
    """The record that the address names. Raises NotShown unless it is the reader's own or they act for the patient today."""
    if reader.kind != "patient":
        raise NotShown
    if patient == reader.patient:
        return Mine(reader, patient)
    roles: Mapping[str, Role] = {one["patient"]: one["role"] for one in await portal.access.acting(reader.token)}
    if patient not in roles:
        raise NotShown
    acting = replace(reader, token=portal.token_as(request, reader, patient), patient=patient)
    found = person(await portal.record.patient(acting.token, patient), datetime.now(ZONE).date())
    return Mine(acting, patient, roles[patient], found.given or found.name, found.age)


InMine = Annotated[Mine, Depends(mine)]


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
