"""What the record knows already and the form would ask again: shown beside the question, so that nobody writes it twice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.chart import notices
from application_platform.portal.reader import Portal
from application_platform.portal.record import SignedOut
from application_platform.portal.values import codes_of, text_of
from kit.problems import Problem

Resource = Mapping[str, Any]
_MOST = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in the record about a question. `known` is False where the record could not be read: then nothing is said."""

    heading: str
    lines: tuple[str, ...] = ()
    known: bool = True


def _allergies(found: list[Resource]) -> list[str]:
    real = [one for one in notices(found) if one.look in ("severe", "amber")]
    return [one.text.removeprefix("Överkänslighet: ") for one in real]


def _conditions(found: list[Resource]) -> list[str]:
    return [text_of(one.get("code")) for one in found if "active" in codes_of(one.get("clinicalStatus"))]


def _medicines(found: list[Resource]) -> list[str]:
    active = [one for one in found if one.get("status") == "active"]
    return [text_of(one.get("medicationCodeableConcept")) for one in active]


_ASKED: dict[str, tuple[str, str, Callable[[list[Resource]], list[str]]]] = {
    "sjukdom": ("Diagnoser i din journal", "Condition", _conditions),
    "overkanslig": ("Överkänslighet i din journal", "AllergyIntolerance", _allergies),
    "receptfritt": ("Läkemedel på recept i din journal", "MedicationRequest", _medicines),
}


async def facts(portal: Portal, token: str, patient: str, link: str) -> Facts | None:
    """What the record says of a question, as the reader may see it; None for a question that it says nothing of."""
    if link not in _ASKED:
        return None
    heading, type, read = _ASKED[link]
    try:
        bundle = await portal.record.search(token, type, [("patient", f"Patient/{patient}"), ("_count", str(_MOST))])
    except SignedOut:
        raise
    except Problem:
        return Facts(heading, known=False)
    lines = tuple(dict.fromkeys(words for words in read(list(timeline.matches(bundle))) if words))
    return Facts(heading, lines, known=not timeline.reasons(bundle))
