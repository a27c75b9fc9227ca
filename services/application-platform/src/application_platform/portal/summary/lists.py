"""Problems and medicines as lists in their groups: what is current, what is paused, what has ended (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import Entry
from application_platform.portal.swedish import moment
from application_platform.portal.timeline import Answer
from application_platform.portal.values import codes_of, text_of

Resource = Mapping[str, Any]

_PAUSED, _ENDED = {"on-hold"}, {"stopped", "completed", "cancelled", "entered-in-error", "not-taken"}
_OVER = {"inactive", "resolved", "remission"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a list: the event behind it, and a second line of words (code, since when)."""

    entry: Entry
    more: str = ""


@dataclass(frozen=True, slots=True)
class Groups:
    """Current first; nothing is left out, what has ended stands by itself."""

    current: tuple[Line, ...] = ()
    paused: tuple[Line, ...] = ()
    ended: tuple[Line, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.current or self.paused or self.ended)


def resources(answers: Sequence[Answer], *types: str) -> list[Resource]:
    """What the searches themselves found of these types."""
    given = (answer.bundle for answer in answers if answer.bundle is not None)
    return [found for bundle in given for found in timeline.matches(bundle) if found.get("resourceType") in types]


def problems(found: Iterable[Resource]) -> Groups:
    """Conditions, those that began last first; refuted and mistaken ones count as ended."""
    lines = [(_over(one), Line(_entry(one), _joined(_code(one), _since(one)))) for one in found]
    lines.sort(key=lambda pair: pair[1].entry.at.iso if pair[1].entry.at else "", reverse=True)
    return Groups(tuple(line for over, line in lines if not over), (), tuple(line for over, line in lines if over))


def medicines(found: Iterable[Resource]) -> Groups:
    """Prescriptions and statements by name; a status that is not known counts as current, never as ended."""
    lines = [(str(one.get("status", "")), Line(_entry(one))) for one in found]
    lines.sort(key=lambda pair: pair[1].entry.title.casefold())
    return Groups(
        tuple(line for status, line in lines if status not in _PAUSED | _ENDED),
        tuple(line for status, line in lines if status in _PAUSED),
        tuple(line for status, line in lines if status in _ENDED),
    )


def flag(found: Resource) -> Line | None:
    """An alert that is in force; None for one that is not."""
    if found.get("status") != "active":
        return None
    begun = moment(found.get("period", {}).get("start"))
    key = f"Flag/{found.get('id')}"
    entry = Entry(key, begun, "diagnoser", "triangle-alert", text_of(found.get("code")) or "Uppmärksamhet utan namn")
    return Line(entry, f"sedan {begun.date}" if begun else "")


def _over(condition: Resource) -> bool:
    wrong = codes_of(condition.get("verificationStatus")) & {"refuted", "entered-in-error"}
    return bool(wrong or codes_of(condition.get("clinicalStatus")) & _OVER)


def _entry(found: Resource) -> Entry:
    return timeline.entries_from([{"entry": [{"resource": found}]}])[0]


def _code(condition: Resource) -> str:
    """The code beside the name; SNOMED CT's numbers say nothing to a reader and stay out."""
    shown = text_of(condition.get("code"))
    codings = condition.get("code", {}).get("coding", ())
    codes = (str(one.get("code", "")) for one in codings if "snomed" not in str(one.get("system", "")))
    return next((code for code in codes if code and code != shown), "")


def _since(condition: Resource) -> str:
    begun = str(condition.get("onsetDateTime") or condition.get("onsetPeriod", {}).get("start") or "")[:10]
    noted = str(condition.get("recordedDate") or "")[:10]
    return f"sedan {begun}" if begun else f"registrerad {noted}" if noted else ""


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
