"""What an order of destruction must say, and who may give one: pure rules (PDL 8 kap. 4 §; sweden.md REC-05, REC-06)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from fhirserver.taking import PatientId, Reason
from kit.caller import Caller, Commission
from kit.problems import Kind, Problem

RIGHT = "erasure.order"
SERVICES = frozenset(("vis", "information", "exchange", "application"))  # that hold content, and must answer
COPIES = ("vis", "information", "exchange", "application", "kafka")  # an order is done when each has answered

Name = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}$")]
Decision = Annotated[str, StringConstraints(min_length=3, max_length=100, strip_whitespace=True)]


class NotYourOrder(Problem):
    """Only who has the task of carrying out IVO's decisions for the care provider orders destruction."""

    kind = Kind.FORBIDDEN
    code = "erasure/not-yours"
    title = "Only who has the task of destroying records by decision does this"


class SamePerson(Problem):
    """Two people: who asked for it does not confirm it."""

    kind = Kind.FORBIDDEN
    code = "erasure/same-person"
    title = "Somebody else than who asked for it must confirm it"


class NoSuchOrder(Problem):
    """There is no such order, or it is another care provider's."""

    kind = Kind.NOT_FOUND
    code = "erasure/no-such-order"
    title = "There is no such order of destruction"


class AlreadySettled(Problem):
    """The order was confirmed or withdrawn before, or the id is another order's."""

    kind = Kind.CONFLICT
    code = "erasure/already-settled"
    title = "The order cannot be changed any more"


class NotTheirs(Problem):
    """A resource that is named is not in this patient's record."""

    kind = Kind.RULE_BROKEN
    code = "erasure/not-theirs"
    title = "What is named is not in the record of this patient"


class OrderIn(BaseModel):
    """`id` is a UUID made by the client: sent twice, it is one order."""

    id: UUID
    patient: PatientId
    resources: list[Name] = Field(default=[], max_length=1_000, description="none: the whole record")
    reason: Reason
    decision: Decision = Field(description="the reference of IVO's decision")


class CopyOut(BaseModel):
    """What became of the order at one copy."""

    copy_of: str = Field(description="vis, information, exchange, application, kafka or backups")
    state: str = Field(description="waiting, done, or applied: carried out before what is read back is used")
    at: datetime | None = None
    removed: dict[str, int] = {}
    left: int | None = None
    keys: list[str] = []
    text: str


class OrderOut(BaseModel):
    """An order, and how far it has come."""

    id: UUID
    patient: str
    resources: list[str]
    reason: str
    decision: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    state: str = Field(description="asked, withdrawn, confirmed or done")
    done_at: datetime | None
    copies: list[CopyOut] = []
    proof: str = Field(default="", description="the hash of the last thing that happened to it, hex")
    unbroken: bool | None = Field(default=None, description="whether the chain of hashes of all orders is whole")


def ordering(caller: Caller) -> Commission:
    """The commission that may order destruction. Raises NotYourOrder."""
    found = caller.commission
    if caller.kind != "staff" or found is None or RIGHT not in found.rights:
        raise NotYourOrder
    return found


def state_of(row: Any) -> str:
    """asked, withdrawn, confirmed or done."""
    if row["withdrawn_at"] is not None:
        return "withdrawn"
    if row["done_at"] is not None:
        return "done"
    return "confirmed" if row["confirmed_at"] is not None else "asked"
