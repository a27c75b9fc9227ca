"""What a patient may ask about their record, of whom, and what becomes of it: pure rules (PDL 3 kap. 8 and 14 §§, 8 kap. 4 §).

A correction is the care provider's to make. Destruction is decided by IVO: a request for it is answered with what the provider
says to that.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from fhirserver.taking import NotYours
from information_platform.access.asked import HsaId, manages
from information_platform.access.model import NoSuchPatient, Person, grown, role_of
from kit.caller import Caller, Commission
from kit.problems import Kind, Problem

Said = Annotated[str, StringConstraints(min_length=3, max_length=4_000, strip_whitespace=True)]
Entry = Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64})?$")]
State = Literal["open", "answered", "withdrawn"]


class NoSuchRequest(Problem):
    """There is no such request, or it is another patient's, or another care provider's to answer."""

    kind = Kind.NOT_FOUND
    code = "requests/no-such-request"
    title = "There is no such request about a record"


class RequestSettled(Problem):
    """The request was answered or withdrawn before, or its id is another request's."""

    kind = Kind.CONFLICT
    code = "requests/settled"
    title = "The request cannot be changed any more"


class RequestIn(BaseModel):
    """`id` is a UUID made by the client: sent twice, it is one request."""

    id: UUID
    kind: Literal["correction", "destruction"]
    provider: HsaId
    unit: HsaId
    about: Entry = Field(default="", description="Type/id of the entry; empty: said in the text")
    text: Said


class SettlingIn(BaseModel):
    """What the care provider did: corrected it, noted the patient's opinion in it, told IVO what it thinks, or did nothing."""

    outcome: Literal["corrected", "noted", "to-ivo", "refused"]
    text: Said


class RequestOut(BaseModel):
    """A request as the patient and the care provider see it."""

    id: UUID
    patient: str
    kind: Literal["correction", "destruction"]
    provider: str
    unit: str
    about: str
    text: str
    at: datetime
    by: str
    state: State
    outcome: str = ""
    answer: str = ""
    answered_at: datetime | None = None
    answered_by: str = ""


def asking(person: Person, caller: Caller, now: datetime) -> None:
    """Who may ask: the patient from 16, or a guardian of a small child. Raises NotYours, NoSuchPatient."""
    role = role_of(person, caller, now)
    if role is None:
        raise NoSuchPatient
    if role == "mandate" or (role == "self" and not grown(person, now)):
        raise NotYours(
            "The patient asks for this, from 16 years, or a guardian of a child under 13; write to the unit instead"
        )


def answering(caller: Caller) -> Commission:
    """The commission of a manager of care. Raises NotYours."""
    if not manages(caller) or caller.commission is None:
        raise NotYours("Only a manager of care (access.manage) answers requests about the record")
    return caller.commission


def state_of(row: Any) -> State:
    if row["withdrawn_at"] is not None:
        return "withdrawn"
    return "open" if row["answered_at"] is None else "answered"
