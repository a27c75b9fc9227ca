"""Where a referral is, in five steps and plain words, for the patient (pure; spec look, picture 08).

Reads the order as VIS keeps it (vis.care.referrals): the state, the clock, and when each point of the flow was passed. That a
time is booked is known from an Appointment that is basedOn the order or its receiver's copy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from application_platform.portal.entry import display, first, reference
from application_platform.portal.swedish import Moment, moment, short_day
from application_platform.portal.values import codes_of, text_of

Resource = Mapping[str, Any]
STATE, FLOW = "urn:fvm:referral", "urn:fvm:flow"
NAMES = ("Skickad", "Mottagen", "Bedömd", "Tid", "Klar")
_REFERRAL = {"referral", "3457005"}  # as VIS writes it, and as SNOMED CT and FHIR's examples do
_STATELESS = {"revoked": "cancelled", "completed": "answered"}  # of another system's, by status
_PLACES = {"sent": 1, "received": 2, "returned": 2, "accepted": 3, "answered": 5}
_COMING = {"booked", "pending", "arrived", "checked-in", "fulfilled"}


@dataclass(frozen=True, slots=True)
class Steps:
    """One referral. `place` is the step it has come to, 1 to 5, 0 where it has none; `segments` how each is drawn: full, half or
    empty. `now` says what is going on, `line` what happens next; `late`: the latest time has passed."""

    id: str
    title: str
    unit: str
    place: int
    now: str
    line: str
    since: Moment | None
    ended: bool = False
    late: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        if self.place == len(NAMES):
            return ("full",) * len(NAMES)
        return tuple(
            "full" if n < self.place else "half" if n == self.place else "empty" for n in range(1, len(NAMES) + 1)
        )

    @property
    def heading(self) -> str:
        """Ögonbottenfoto, Ögonmottagningen."""
        return ", ".join(part for part in (self.title, self.unit) if part)

    @property
    def words(self) -> str:
        """Steg 3 av 5: du väntar på en tid."""
        return f"Steg {self.place} av {len(NAMES)}: {self.now}" if self.place else self.now[:1].upper() + self.now[1:]


def steps(orders: Iterable[Resource], bookings: Iterable[Resource], today: date) -> list[Steps]:
    """Every referral of the patient, those that are under way first, the newest first."""
    listed = list(bookings)
    found = [_steps(one, listed, today) for one in orders if is_referral(one)]
    return sorted(found, key=lambda one: (one.ended, -(one.since.at.timestamp() if one.since else 0), one.id))


def is_referral(order: Resource) -> bool:
    """Whether it is the sender's end of a referral that was sent: the receiver's copy is the same one, not shown twice."""
    sent = order.get("status") not in ("draft", "entered-in-error")
    return bool(_REFERRAL & codes_of(order.get("category"))) and order.get("intent") != "filler-order" and sent


def part(order: Resource, name: str) -> Any:
    """A part of the state that VIS keeps; None where it has none."""
    for one in order.get("extension", ()):
        if one.get("url") == STATE:
            for inner in one.get("extension", ()):
                if inner.get("url") == name:
                    return next((value for key, value in inner.items() if key.startswith("value")), None)
    return None


def passed(order: Resource, point: str) -> Moment | None:
    """When a point of the flow was passed."""
    for one in order.get("extension", ()):
        parts = {inner.get("url"): inner for inner in one.get("extension", ())} if one.get("url") == FLOW else {}
        if parts and parts.get("point", {}).get("valueCode") == point:
            return moment(parts.get("at", {}).get("valueDateTime"))
    return None


def booked(order: Resource, bookings: Iterable[Resource]) -> Resource | None:
    """The first time that is booked because of this referral."""
    ends = {f"ServiceRequest/{order.get('id')}", reference(part(order, "order") or {})} - {""}
    times = [
        one
        for one in bookings
        if one.get("status") in _COMING and any(reference(ground) in ends for ground in one.get("basedOn", ()))
    ]
    return min(times, key=lambda one: str(one.get("start", "")), default=None)


def _steps(order: Resource, bookings: list[Resource], today: date) -> Steps:
    state = str(part(order, "state") or _STATELESS.get(str(order.get("status")), "sent"))
    time = booked(order, bookings) if state not in ("answered", "cancelled") else None
    due = moment(part(order, "due"))
    late = due is not None and due.day < today and time is None and state in ("sent", "received", "accepted")
    now, line = _told(order, state, time, due, today, late=late)
    return Steps(
        id=str(order.get("id", "")),
        title=text_of(order.get("code")) or "Remiss",
        unit=display(first(order.get("performer"))),
        place=4 if time is not None else _PLACES.get(state, 0),
        now=now,
        line=line,
        since=passed(order, "A") or moment(order.get("authoredOn")),
        ended=state in ("answered", "cancelled"),
        late=late,
    )


def _told(
    order: Resource, state: str, time: Resource | None, due: Moment | None, today: date, *, late: bool
) -> tuple[str, str]:
    """What is going on, and what happens next."""
    by = short_day(due.day, today) if due else ""
    if time is not None:
        at = moment(time.get("start"))
        when = f"{short_day(at.day, today)}{f' klockan {at.clock}' if at.clock else ''}" if at else ""
        return "du har en tid.", f"Din tid är {when}." if when else "Tiden står under Bokningar."
    if state == "accepted":
        accepted = passed(order, "C")
        said = f"Remissen är godkänd {short_day(accepted.day, today)}. " if accepted else ""
        if late:
            return "du väntar på en tid.", f"{said}Du skulle ha fått en tid senast {by}. Ring mottagningen."
        return "du väntar på en tid.", f"{said}Du ska få en tid senast {by}." if by else said.strip()
    if state == "received":
        return "remissen har kommit fram.", _assessed(by, late=late)
    if state == "returned":
        return (
            "mottagningen har frågat den som skickade remissen.",
            "Du behöver inte göra något. Vården svarar på frågan.",
        )
    if state == "answered":
        answered = passed(order, "G")
        when = f" {short_day(answered.day, today)}" if answered else ""
        return "remissen är klar.", f"Mottagningen svarade{when}. Svaret finns i journalen."
    if state == "cancelled":
        return "remissen är återtagen.", "Fråga den som skickade remissen om du undrar varför."
    onward = "Remissen är skickad vidare hit från en annan mottagning. " if passed(order, "B") else ""
    return "remissen är skickad.", onward + _assessed(by, late=late)


def _assessed(by: str, *, late: bool) -> str:
    if not by:
        return "Mottagningen bedömer den. Sedan får du veta hur det blir."
    if late:
        return f"Mottagningen skulle ha bedömt den senast {by}. Ring dem om du undrar."
    return f"Mottagningen bedömer den senast {by}."
