"""What the demo region is told: facts of units, and answers of the laboratory (pure)."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fvm.demo.staff import Colleague, Resource

SWEDEN = ZoneInfo("Europe/Stockholm")


@dataclass(frozen=True, slots=True)
class Fact:
    """A resource, and who wrote it where: the unit owns it (D3)."""

    unit: str
    author: Colleague
    resource: Resource


@dataclass(frozen=True, slots=True)
class Referred:
    """A referral that is under way: sent at VIS by its author to the unit `to`. `fate` is what its receiver has done with it:
    "" nothing, receive, accept or return."""

    id: str
    author: Colleague
    to: str
    what: str
    question: str
    background: str
    urgent: bool = False
    fate: str = ""


@dataclass(frozen=True, slots=True)
class LabAnswer:
    """An answer that the laboratory sends itself, by HL7 v2: analyses with their values, taken at an instant."""

    at: datetime
    values: dict[str, float]
    comment: str = ""
