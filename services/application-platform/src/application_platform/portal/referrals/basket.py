"""What is to be ordered, as the form sends it: lines, what each lacks, and the drafts that VIS signs (pure)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from pydantic import BaseModel, Field

from application_platform.portal.referrals import catalogue
from application_platform.portal.referrals.model import PRIORITIES

REFERRALS = 3  # of one signature
LONGEST = 20_000
_ROW = re.compile(r"Rad (\d+): ")
_PRIORITY = r"^(routine|urgent|stat)$"


class Filled(BaseModel):
    """The form. `patient` must be the address's; `id` makes the ids of all lines, so that a form sent twice is one order.

    The lists hold one value for each referral of the form; one without any words is none.
    """

    id: UUID
    patient: str = Field(max_length=64)
    test: list[str] = Field(default_factory=list, max_length=40)
    cause: str = Field(default="", max_length=LONGEST)
    speed: str = Field(default="routine", pattern=_PRIORITY)
    unit: list[str] = Field(default_factory=list, max_length=REFERRALS)
    what: list[str] = Field(default_factory=list, max_length=REFERRALS)
    question: list[str] = Field(default_factory=list, max_length=REFERRALS)
    background: list[str] = Field(default_factory=list, max_length=REFERRALS)
    priority: list[str] = Field(default_factory=list, max_length=REFERRALS)


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral of the form, and what it lacks: element → what to do."""

    place: int
    unit: str = ""
    what: str = ""
    question: str = ""
    background: str = ""
    priority: str = "routine"

    @property
    def empty(self) -> bool:
        return not (self.unit or self.what.strip() or self.question.strip() or self.background.strip())

    def lacks(self) -> dict[str, str]:
        found = {} if self.unit else {"unit": "Välj vart remissen ska."}
        found |= {} if self.what.strip() else {"what": "Skriv vad du ber om, till exempel Ögonbottenfoto."}
        return found | ({} if self.question.strip() else {"question": "Skriv frågeställningen."})


@dataclass(frozen=True, slots=True)
class Basket:
    """The form, read."""

    filled: Filled
    items: tuple[catalogue.Item, ...]
    referrals: tuple[Referral, ...]  # all of the form, also the empty ones

    @property
    def size(self) -> int:
        return len(self.items) + sum(not one.empty for one in self.referrals)

    def lacks(self) -> dict[str, str]:
        """What the form lacks, by field: `unit-1` is of the second referral, "" of the whole."""
        if not self.size:
            return {"": "Välj minst ett prov eller en undersökning, eller skriv en remiss."}
        found: dict[str, str] = {}
        if any(one.kind == "imaging" for one in self.items) and not self.filled.cause.strip():
            found["cause"] = "Skriv frågeställningen till bilddiagnostiken."
        for one in self.referrals:
            if not one.empty:
                found |= {f"{name}-{one.place}": words for name, words in one.lacks().items()}
        return found

    def drafts(self) -> list[dict[str, Any]]:
        """One for each line, in the order of the form."""
        tests = [self._test(item) for item in self.items]
        return [*tests, *(self._referral(one) for one in self.referrals if not one.empty)]

    def told(self, words: str) -> str:
        """VIS's refusal, with the line by its name where VIS says its number."""
        found = _ROW.match(words)
        drafts = self.drafts()
        if found is None or not 0 < int(found[1]) <= len(drafts):
            return words
        return f"{drafts[int(found[1]) - 1]['code']['text']}: {words[found.end() :]}"

    def _test(self, item: catalogue.Item) -> dict[str, Any]:
        cause = self.filled.cause.strip()
        reason = {"reasonCode": [{"text": cause}]} if cause else {}
        return self._order(item.key, item.kind, self.filled.speed) | item.fields() | reason

    def _referral(self, one: Referral) -> dict[str, Any]:
        background = one.background.strip()
        return self._order(f"referral-{one.place}", "referral", one.priority) | {
            "code": {"text": one.what.strip()},
            "performer": [{"reference": f"Organization/{one.unit}"}],
            "reasonCode": [{"text": one.question.strip()}],
            **({"note": [{"text": background}]} if background else {}),
        }

    def _order(self, key: str, kind: str, priority: str) -> dict[str, Any]:
        return {
            "resourceType": "ServiceRequest",
            "id": str(uuid5(self.filled.id, key)),
            "status": "draft",
            "intent": "order",
            "category": [{"coding": [{"code": kind}]}],
            "priority": priority,
            "subject": {"reference": f"Patient/{self.filled.patient}"},
        }


def read(filled: Filled) -> Basket:
    """Tests that the list does not know are left out; every one that it knows is taken once."""
    known = catalogue.by_key()
    items = tuple(known[key] for key in dict.fromkeys(filled.test) if key in known)
    return Basket(filled, items, tuple(_referral(filled, place) for place in range(REFERRALS)))


def body(drafts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What VIS is asked with."""
    return {"resourceType": "Parameters", "parameter": [{"name": "order", "resource": one} for one in drafts]}


def _referral(filled: Filled, place: int) -> Referral:
    def of(listed: list[str]) -> str:
        return listed[place] if place < len(listed) else ""

    priority = of(filled.priority)
    return Referral(
        place,
        of(filled.unit)[:64],
        of(filled.what)[:200],
        of(filled.question)[:LONGEST],
        of(filled.background)[:LONGEST],
        priority if priority in PRIORITIES else "routine",
    )
