"""Orders and referrals as staff see them: what was asked for, where it is, until when, and what may be done now (pure).

Mirrors the states of vis.care.referrals; VIS decides, this shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import display, first
from application_platform.portal.referrals.steps import part, passed
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.timeline import Source
from application_platform.portal.values import codes_of, text_of

Resource = Mapping[str, Any]

ORDERS = Source("ServiceRequest", "", frozenset(), "beställningar och remisser", 200)
KINDS = {"laboratory": "Laboratorieprov", "imaging": "Bilddiagnostik", "referral": "Remiss"}
PRIORITIES = {"routine": "Rutin", "urgent": "Förtur", "stat": "Akut"}
_STATES = {
    "sent": ("Skickad", "", ""),
    "received": ("Mottagen", "", ""),
    "accepted": ("Accepterad", "", ""),
    "returned": ("I retur", "amber", "triangle-alert"),
    "forwarded": ("Vidareskickad", "", ""),
    "answered": ("Besvarad", "done", "check"),
    "cancelled": ("Makulerad", "", ""),
}
_STATUSES = {
    "draft": ("Utkast", "new", ""),
    "active": ("Väntar på svar", "", ""),
    "on-hold": ("Pausad", "", ""),
    "completed": ("Besvarad", "done", "check"),
    "revoked": ("Makulerad", "", ""),
    "entered-in-error": ("Felregistrerad", "", ""),
}
_ALSO = {"108252007": "laboratory", "363679005": "imaging", "3457005": "referral"}
_AT = "urn:fvm:ordered-at"
_UNDER_WAY = {"draft", "active", "on-hold"}
_RECEIVERS = {
    "sent": ("receive", "accept", "return", "forward", "answer"),
    "received": ("accept", "return", "forward", "answer"),
    "accepted": ("schedule", "answer", "forward"),
}
_SENDERS = {
    "": ("cancel",),
    "sent": ("cancel",),
    "received": ("cancel",),
    "accepted": ("cancel",),
    "returned": ("send", "cancel"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """Words that go with an order, by whom and when where that is told."""

    text: str
    by: str = ""
    at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A line of the list. `received`: it is the copy of who received it. `told`: the region has it; else it is on its way."""

    id: str
    kind: str
    title: str
    holds: str
    unit: str
    by: str
    sender: str  # the unit of who ordered
    state: str  # of a referral that was sent, "" of all else
    word: str
    look: str
    icon: str
    priority: str
    since: Moment | None
    due: Moment | None
    late: bool
    question: str
    notes: tuple[Note, ...]
    said: Note | None  # the words of the last act: a question, a comment, an answer
    number: str
    received: bool
    under_way: bool
    told: bool
    version: str
    acts: tuple[str, ...]

    @property
    def kind_word(self) -> str:
        return KINDS.get(self.kind, "Beställning")

    @property
    def urgent(self) -> bool:
        return self.priority not in ("", "Rutin")


@dataclass(frozen=True, slots=True)
class Listed:
    """The patient's orders: what this unit has received, what is under way, and what is over."""

    received: tuple[Order, ...]
    under_way: tuple[Order, ...]
    over: tuple[Order, ...]


def listed(region: Mapping[str, Any] | None, vis: Sequence[Resource] | None, now: datetime) -> Listed:
    """Both answers as one list; of what both have VIS's own copy, which is the newer one (D15). Late first, then the newest."""
    told = {str(one["id"]): one for one in (timeline.matches(region) if region else ())}
    held = told | {str(one["id"]): one for one in vis or ()}
    rows = [order(one, now, told=region is None or id in told) for id, one in held.items()]
    rows = [row for row in rows if row.kind and row.word != _STATUSES["entered-in-error"][0]]
    rows.sort(key=lambda row: (not row.late, -(row.since.at.timestamp() if row.since else 0), row.id))
    own = [row for row in rows if not row.received]
    return Listed(
        tuple(row for row in rows if row.received and row.under_way and row.state != "returned"),
        tuple(row for row in own if row.under_way),
        tuple(row for row in rows if not row.under_way or (row.received and row.state == "returned")),
    )


def order(found: Resource, now: datetime, *, told: bool = True) -> Order:
    """One of them."""
    state, status = str(part(found, "state") or ""), str(found.get("status", ""))
    received = found.get("intent") == "filler-order"
    word, look, icon = _STATES.get(state) or _STATUSES.get(status, (status, "", ""))
    due = moment(part(found, "due"))
    kind = kind_of(found)
    under_way = status in _UNDER_WAY
    said = part(found, "words")
    acts = (_RECEIVERS if received else _SENDERS).get(state, ()) if under_way and status != "draft" else ()
    return Order(
        id=str(found.get("id", "")),
        kind=kind,
        title=text_of(found.get("code")) or KINDS.get(kind, "Beställning"),
        holds=", ".join(text_of(one) for one in found.get("orderDetail", ()) if text_of(one)),
        unit=display(first(found.get("performer"))),
        by=display(found.get("requester")),
        sender=next(
            (display(one.get("valueReference")) for one in found.get("extension", ()) if one.get("url") == _AT), ""
        ),
        state=state,
        word=word,
        look=look,
        icon=icon,
        priority=PRIORITIES.get(str(found.get("priority", "")), "Akut" if found.get("priority") == "asap" else ""),
        since=passed(found, "A") or moment(found.get("authoredOn")),
        due=due,
        late=under_way and due is not None and due.at < now and state in ("sent", "received", "accepted", "returned"),
        question=" ".join(text_of(one) for one in found.get("reasonCode", ())),
        notes=tuple(_notes(found.get("note", ()))),
        said=Note(str(said), display(part(found, "by") or {}), moment(part(found, "at"))) if said else None,
        number=next(
            (str(one["value"]) for one in found.get("identifier", ()) if one.get("system") == "urn:fvm:order"), ""
        ),
        received=received,
        under_way=under_way,
        told=told,
        version=str(found.get("meta", {}).get("versionId", "")),
        acts=acts,
    )


def kind_of(found: Resource) -> str:
    """laboratory, imaging or referral, also where another system says it by SNOMED CT; "" where it is none of them."""
    codes = {_ALSO.get(one, one) for one in codes_of(found.get("category"))}
    return next((one for one in KINDS if one in codes), "")


def _notes(notes: Iterable[Resource]) -> Iterable[Note]:
    for one in notes:
        by = display(one.get("authorReference")) or str(one.get("authorString", ""))
        yield Note(str(one.get("text", "")), by, moment(one.get("time")))
