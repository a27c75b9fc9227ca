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
class LabAnswer:
    """An answer that the laboratory sends itself, by HL7 v2: analyses with their values, taken at an instant."""

    at: datetime
    values: dict[str, float]
    comment: str = ""
