"""What the banner says of a patient at the bedside: where they lie, and the latest NEWS2 with its time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application_platform.portal.entry import display
from application_platform.portal.record import Record
from application_platform.portal.summary.lists import resources
from application_platform.portal.timeline import Answer, Source
from application_platform.portal.vitals.score import News2, latest
from fhircore.vitals import NEWS2, SNOMED

Resource = Mapping[str, Any]

_NONE: frozenset[str] = frozenset()
STAYS = Source("Encounter", "date", _NONE, "vårdtillfälle", 20, (("class", "IMP"), ("status", "in-progress,onleave")))
SCORES = Source("Observation", "date", _NONE, "NEWS2", 10, (("code", f"{SNOMED}|{NEWS2}"),))


@dataclass(frozen=True, slots=True)
class Bedside:
    """`staying`: admitted now. `unit` and `place` are the words of where. `checked`: the score was asked for and answered."""

    staying: bool = False
    on_leave: bool = False
    unit: str = ""
    place: str = ""
    score: News2 | None = None
    checked: bool = True

    @property
    def shown(self) -> bool:
        """Whether the score says something about now: an old one of a patient who is not admitted does not."""
        return self.score is not None and (self.staying or not self.score.late)


async def load(record: Record, token: str, patient: str, now: datetime) -> Bedside:
    """Two questions at once; what is not answered is not checked."""
    pairs = [("patient", f"Patient/{patient}"), ("_sort", "-date")]
    asked = [(one, [*pairs, ("_count", str(one.count))]) for one in (STAYS, SCORES)]
    return bedside(await record.ask_all(token, asked), now)


def bedside(answers: Sequence[Answer], now: datetime) -> Bedside:
    """From the answers to STAYS and SCORES, in that order."""
    stays, scores = answers
    here = [one for one in resources([stays], "Encounter") if _staying(one)]
    score, checked = latest(resources([scores], "Observation"), now), scores.bundle is not None
    if not here:
        return Bedside(score=score, checked=checked)
    stay = max(here, key=lambda one: bool(bed(one)))
    return Bedside(
        True, stay.get("status") == "onleave", display(stay.get("serviceProvider")), bed(stay), score, checked
    )


def bed(stay: Resource) -> str:
    """What the bed that is taken now is called, "" where there is none."""
    active = [one for one in stay.get("location", ()) if one.get("status", "active") == "active"]
    return display(active[-1].get("location")) if active else ""


def _staying(encounter: Resource) -> bool:
    held = encounter.get("class", {}).get("code") == "IMP"
    return held and encounter.get("status") in ("in-progress", "onleave")
