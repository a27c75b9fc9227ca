"""A patient's own view of what care always wants to know: hypersensitivity, diagnoses, vaccinations (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from application_platform.portal.entries import reactions
from application_platform.portal.entry import display, first
from application_platform.portal.swedish import Moment, moment, short_day
from application_platform.portal.values import codes_of, text_of

Resource = Mapping[str, Any]

_NONE_KNOWN = {"716186003", "no-known-allergy"}  # SNOMED CT; HL7
_OVER = {"inactive", "resolved"}
_WRONG = {"entered-in-error", "refuted"}


@dataclass(frozen=True, slots=True)
class Allergy:
    """One hypersensitivity: what it is about, what happens, whether it can be a danger to life."""

    name: str
    effect: str
    severe: bool
    at: Moment | None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Allergies:
    """`state`: there are some, none are known to somebody who was asked (`asked`), or nothing is recorded at all."""

    state: Literal["some", "none-known", "not-recorded"]
    listed: tuple[Allergy, ...] = ()
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Vaccination:
    """A dose that was given."""

    name: str
    at: Moment | None
    more: str


def allergies(found: Iterable[Resource], today: date) -> Allergies:
    """Those that count now, the severe first. That nothing is recorded is not the same as that none are known."""
    valid = [one for one in found if _counts(one)]
    none = [one for one in valid if codes_of(one.get("code")) & _NONE_KNOWN]
    real = [one for one in valid if not codes_of(one.get("code")) & _NONE_KNOWN]
    if real:
        listed = sorted((_allergy(one) for one in real), key=lambda one: (not one.severe, one.name.casefold()))
        return Allergies("some", tuple(listed))
    if none:
        at = moment(none[0].get("recordedDate"))
        return Allergies("none-known", asked=short_day(at.day, today) if at else "")
    return Allergies("not-recorded")


def _counts(one: Resource) -> bool:
    return not codes_of(one.get("clinicalStatus")) & _OVER and not codes_of(one.get("verificationStatus")) & _WRONG


def _allergy(one: Resource) -> Allergy:
    return Allergy(
        name=text_of(one.get("code")) or "Ämne utan namn",
        effect=reactions(one),
        severe=one.get("criticality") == "high",
        at=moment(one.get("recordedDate")),
        unsure="unconfirmed" in codes_of(one.get("verificationStatus")),
    )


def vaccinations(found: Sequence[Resource]) -> list[Vaccination]:
    """Doses that were given, the latest first; one that was not given or was a mistake is left to the journal."""
    listed = [_vaccination(one) for one in found if one.get("status") == "completed"]
    return sorted(listed, key=lambda one: one.at.iso if one.at else "", reverse=True)


def _vaccination(one: Resource) -> Vaccination:
    dose = first(one.get("protocolApplied")).get("doseNumberPositiveInt")
    parts = [f"dos {dose}" if dose else "", display(one.get("location")) or display(one.get("performer"))]
    lot = str(one.get("lotNumber") or "")
    more = [*parts, f"batch {lot}" if lot else ""]
    return Vaccination(
        name=text_of(one.get("vaccineCode")) or "Vaccin utan namn",
        at=moment(one.get("occurrenceDateTime")),
        more=" · ".join(part for part in more if part),
    )
