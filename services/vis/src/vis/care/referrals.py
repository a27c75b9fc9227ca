"""Referrals: sent, received, accepted, returned, forwarded, answered or cancelled, each with a clock (pure; spec §5.6).

A referral lies at both ends, as a letter does: the order of who sent it (intent `order`), and the copy of who received it (intent
`filler-order`, basedOn the order), which belongs to the receiving unit. Both carry the state, the clock, and when each point of
SKR's flödesmodell was passed (http://hl7.org/fhir/R4/servicerequest.html).
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vis.care.asking import NotNow

Resource = dict[str, Any]
STATE = "urn:fvm:referral"  # an extension, and the system of Task.businessStatus: sent, received, accepted …
FLOW = "urn:fvm:flow"  # an extension for each point that was passed: A decision to request, B received, C stand taken, G end
KEPT = (STATE, FLOW)
_NAMES = uuid.UUID("0f0c7b62-2f3e-5b7a-9d0a-8f4a55a0e9a1")

FROM: Mapping[str, frozenset[str]] = {
    "send": frozenset(("", "returned")),
    "receive": frozenset(("sent",)),
    "accept": frozenset(("sent", "received")),
    "return": frozenset(("sent", "received")),
    "forward": frozenset(("sent", "received", "accepted")),
    "schedule": frozenset(("accepted",)),
    "answer": frozenset(("sent", "received", "accepted")),
    "cancel": frozenset(("sent", "received", "accepted", "returned")),
}
"""From which states each act may be done."""

WORDS = {
    "": "inte skickad",
    "sent": "skickad",
    "received": "mottagen",
    "accepted": "accepterad",
    "returned": "i retur hos avsändaren",
    "forwarded": "vidareskickad",
    "answered": "besvarad",
    "cancelled": "makulerad",
}
ASSESSED_WITHIN = {"stat": 1, "asap": 1, "urgent": 7, "routine": 30}  # days, by priority: akut, akut, förtur, rutin
ANSWERED_WITHIN = 30  # days after the visit
SEEN_WITHIN = 90  # days from the decision to refer: vårdgarantin (KPI-03)


def state(order: Mapping[str, Any]) -> str:
    """ "" where it was never sent."""
    return str(part(order, "state") or "")


def part(order: Mapping[str, Any], name: str) -> Any:
    """A part of the state: `state`, `by`, `at`, `due`, `words` of the last act, `order` (the copy). None where it has none."""
    for one in _of(order, STATE):
        for inner in one.get("extension", ()):
            if inner.get("url") == name:
                return next((value for key, value in inner.items() if key.startswith("value")), None)
    return None


def points(order: Mapping[str, Any]) -> dict[str, str]:
    """When each point of the flow was passed first, by its letter."""
    found: dict[str, str] = {}
    for one in _of(order, FLOW):
        parts = {inner["url"]: inner for inner in one.get("extension", ())}
        found.setdefault(str(parts["point"]["valueCode"]), str(parts["at"]["valueDateTime"]))
    return found


def must_be(order: Mapping[str, Any], act: str) -> None:
    """Raises NotNow where the state does not allow the act."""
    if state(order) not in FROM[act]:
        raise NotNow(f"Remissen är {WORDS[state(order)]}. Läs om sidan för att se vad som har hänt")


def moved(
    order: Resource,
    to: str,
    at: datetime,
    by: Resource,
    *,
    passed: str = "",
    due: datetime | None = None,
    words: str = "",
) -> Resource:
    """The same in another state, by whom. `passed`: letters of the points that this passes; one keeps its first time."""
    moment = at.isoformat(timespec="seconds")
    parts: list[Resource] = [{"url": "state", "valueCode": to}, {"url": "by", "valueReference": by}]
    parts.append({"url": "at", "valueDateTime": moment})
    if due is not None:
        parts.append({"url": "due", "valueDateTime": due.isoformat(timespec="seconds")})
    if words:
        parts.append({"url": "words", "valueString": words})
    copy = copy_of(order)
    if copy:
        parts.append(_pointer(copy))
    kept = [one for one in order.get("extension", ()) if one.get("url") != STATE]
    return passing(order | {"extension": [{"url": STATE, "extension": parts}, *kept]}, passed, at)


def passing(order: Resource, letters: str, at: datetime) -> Resource:
    """The same, past these points of the flow; one that was passed before keeps its time."""
    moment, known = at.isoformat(timespec="seconds"), points(order)
    made = [
        {"url": FLOW, "extension": [{"url": "point", "valueCode": one}, {"url": "at", "valueDateTime": moment}]}
        for one in letters
        if one not in known
    ]
    return order | {"extension": [*order.get("extension", ()), *made]} if made else order


def pointing(order: Resource, copy: str) -> Resource:
    """A referral that was moved to its state, naming the receiver's copy from now on."""
    return order | {"extension": [_pointed(one, copy) if one["url"] == STATE else one for one in order["extension"]]}


def _pointed(state: Resource, copy: str) -> Resource:
    return state | {"extension": [*(one for one in state["extension"] if one["url"] != "order"), _pointer(copy)]}


def _pointer(copy: str) -> Resource:
    return {"url": "order", "valueReference": {"reference": f"ServiceRequest/{copy}"}}


def copy_of(order: Mapping[str, Any]) -> str:
    """The id of the receiver's copy as the order names it; "" where there is none."""
    return str((part(order, "order") or {}).get("reference", "")).removeprefix("ServiceRequest/")


def done_by(order: Mapping[str, Any], to: str, subject: str) -> bool:
    """Whether this person brought it to this state already."""
    by = part(order, "by") or {}
    return state(order) == to and by.get("identifier", {}).get("value") == subject


def assess_by(priority: str, at: datetime) -> datetime:
    """Until when the receiver must have taken a stand."""
    return at + timedelta(days=ASSESSED_WITHIN.get(priority, ASSESSED_WITHIN["routine"]))


def seen_by(order: Mapping[str, Any], at: datetime) -> datetime:
    """Until when the patient must have a time, where the receiver says nothing else: counted from the decision to refer."""
    decided = points(order).get("A")
    begun = datetime.fromisoformat(decided) if decided else at
    return max(begun.astimezone(UTC) + timedelta(days=SEEN_WITHIN), at)


def copy_id(before: str, unit: str) -> str:
    """The id of the copy at a unit; `before` is the order, or the copy that was forwarded."""
    return str(uuid.uuid5(_NAMES, f"{before} {unit}"))


def report_id(order: str) -> str:
    """The id of the answer."""
    return str(uuid.uuid5(_NAMES, f"{order} answer"))


def receiver(order: Mapping[str, Any]) -> str:
    """The HSA-id of the unit it is sent to; "" where it names none."""
    for one in order.get("performer", ()):
        kind, _, id = str(one.get("reference", "")).partition("/")
        if kind == "Organization":
            return id
    return ""


def kinds(order: Mapping[str, Any]) -> set[str]:
    """Codes of its categories."""
    return {
        str(coding.get("code", "")) for one in order.get("category", ()) for coding in one.get("coding", ()) if coding
    }


def told(order: Mapping[str, Any]) -> tuple[Any, ...]:
    """What only the acts above may change once a referral is sent."""
    fixed = [order.get(name) for name in ("status", "intent", "subject", "basedOn", "performer", "requester")]
    return *fixed, [_of(order, url) for url in KEPT]


def _of(order: Mapping[str, Any], url: str) -> list[Resource]:
    return [one for one in order.get("extension", ()) if one.get("url") == url]
