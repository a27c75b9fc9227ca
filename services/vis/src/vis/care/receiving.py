"""The receiver of a referral: takes it in, accepts it, returns it with a question, forwards it, answers it (spec §1, §5.6)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from access import Label
from fhircore.types import information_type
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from vis.care import bookings, orders, referrals, sending, tasks
from vis.care.asking import NotNow, parameters, staff, text
from vis.care.changing import current
from vis.care.ends import TYPE, Act, Held, held, must_be_of
from vis.care.places import Places

Resource = dict[str, Any]
Make = Callable[[Resource], Resource]


class _Received:
    """A copy that its receiver acts on, and the order it is of."""

    def __init__(self, act: Act, copy: Resource, sender: Held) -> None:
        self.act, self.copy, self.sender = act, copy, sender
        self.id, self.order = str(copy["id"]), str(sender.order["id"])

    def move(self, to: str, passed: str, due: datetime | None, words: str = "", **more: Any) -> Resource:
        """Both ends into the next state, checked on the version that is current then; the copy as it will be."""
        act = self.act

        def moved(order: Resource) -> Resource:
            return referrals.moved(order | more, to, act.now, act.by, passed=passed, due=due, words=words)

        def checked(copy: Resource) -> Resource:
            referrals.must_be(copy, act.name)
            return moved(copy)

        act.change(TYPE, self.id, checked)
        act.change(TYPE, self.order, moved)
        return moved(self.copy)

    def tasks(
        self, after: Resource, due: datetime | None, mine: str, theirs: str, asks: str = "", why: str = ""
    ) -> None:
        """The tasks of both ends, in step: their states; `asks` is what the sender is asked for, `why` the words of the act."""
        act = self.act

        def follow(task: Resource, status: str, text: str = "") -> Resource:
            found = orders.followed(task, after, act.now, due if status in tasks.OPEN else None, status, text)
            return orders.with_note(found, act.request.caller, why, act.now)

        act.change_task("referral", self.id, lambda task: follow(task, mine))
        act.change_task("referral-sent", self.order, lambda task: follow(task, theirs, asks))


async def receive(engine: Engine, request: Request, id: str) -> Answer:
    """200: it has come to its receiver (point B). No parameters."""
    parameters(request, {})
    found = await _mine(engine, request, id, "receive", "received")
    if isinstance(found, Answer):
        return found
    due = _due(found.copy)
    after = found.move("received", "B", due)
    found.tasks(after, due, "received", "on-hold")
    return await found.act.done("update")


async def accept(engine: Engine, request: Request, id: str) -> Answer:
    """200: the patient shall have a time, at the latest on `latest` (a date; vårdgarantin where none is said); `priority`."""
    asked = parameters(request, {"latest": "valueDate", "priority": "valueCode", "comment": "valueString"})
    found = await _mine(engine, request, id, "accept", "accepted")
    if isinstance(found, Answer):
        return found
    priority = text(asked, "priority", most=20) or str(found.copy.get("priority", "routine"))
    if priority not in referrals.ASSESSED_WITHIN:
        raise NotNow("Prioriteten är rutin, förtur eller akut")
    due = orders.latest(text(asked, "latest", most=10), found.copy, found.act.now)
    said = text(asked, "comment", most=2_000)
    after = found.move("accepted", "BC", due, said, priority=priority)
    found.tasks(after, due, "on-hold", "on-hold", why=said)
    return await found.act.done("update")


async def schedule(engine: Engine, request: Request, id: str) -> Answer:
    """200: the patient has a time for it (`appointment`, the id of a booking here), which from now on is basedOn the referral."""
    asked = parameters(request, {"appointment": "valueString"})
    name = text(asked, "appointment", most=64, needed=True)
    found = await _mine(engine, request, id, "schedule", "")
    if isinstance(found, Answer):
        return found
    ground, act = {"reference": f"{TYPE}/{id}"}, found.act
    booking, _ = await current(engine, request, "Appointment", name)
    if ground in booking.get("basedOn", ()):
        return (await current(engine, request, TYPE, id))[1]

    def grounded(booking: Resource) -> Resource:
        if bookings.patient(booking) != act.patient or booking.get("status") not in bookings.LIVE:
            raise NotNow("Välj en tid som är bokad för patienten")
        return booking | {"basedOn": [*booking.get("basedOn", ()), ground]}

    due = bookings.moment(grounded(booking).get("start")) + timedelta(days=referrals.ANSWERED_WITHIN)
    after = found.move("accepted", "", due, str(referrals.part(found.copy, "words") or ""))
    act.change("Appointment", name, grounded, seen=True)
    found.tasks(after, due, "on-hold", "on-hold")
    return await act.done("update")


async def give_back(engine: Engine, request: Request, id: str) -> Answer:
    """200: it goes back to its sender with a `question`; sent again it comes to this unit."""
    asked = parameters(request, {"question": "valueString"})
    question = text(asked, "question", most=orders.LONGEST, needed=True)
    found = await _mine(engine, request, id, "return", "returned")
    if isinstance(found, Answer):
        return found
    due = referrals.assess_by(str(found.copy.get("priority", "")), found.act.now)
    after = found.move("returned", "B", due, question)
    found.tasks(after, due, "on-hold", "requested", asks="Komplettera remiss", why=question)
    return await found.act.done("update")


async def forward(engine: Engine, request: Request, id: str, places: Places) -> Answer:
    """200: another unit (`unit`, HSA-id) takes it over, whose clock begins now; the sender is told where it is."""
    asked = parameters(request, {"unit": "valueString", "comment": "valueString"})
    unit, said = text(asked, "unit", most=64, needed=True), text(asked, "comment", most=2_000)
    found = await _mine(engine, request, id, "forward", "forwarded")
    if isinstance(found, Answer):
        return found
    place = (await places()).get(unit)
    if place is None or unit == referrals.receiver(found.copy):
        raise NotNow("Välj en annan enhet som kan ta emot remissen")
    act, order = found.act, found.sender.order
    due, copy = referrals.assess_by(str(found.copy.get("priority", "")), act.now), referrals.copy_id(id, unit)
    performer = [{"reference": f"Organization/{place.unit}", "display": place.name}]

    def away(own: Resource) -> Resource:
        referrals.must_be(own, "forward")
        return referrals.moved(own | {"status": "revoked"}, "forwarded", act.now, act.by, passed="B", words=said)

    def elsewhere(own: Resource) -> Resource:
        changed = own | {"performer": performer, "priority": found.copy.get("priority", "routine")}
        return referrals.pointing(referrals.moved(changed, "sent", act.now, act.by, due=due, words=said), copy)

    act.change(TYPE, id, away)
    act.change(TYPE, found.order, elsewhere)
    after, there = away(found.copy), elsewhere(order)
    act.change_task("referral", id, lambda task: orders.followed(task, after, act.now, None, "completed"))
    act.change_task(
        "referral-sent", found.order, lambda task: orders.followed(task, there, act.now, due, "on-hold", sending.WATCH)
    )
    whole = orders.with_note(there, request.caller, said, act.now)
    sending.receive(act, orders.copy(whole, copy, place), place, tasks.unit(request.caller), due)
    return await act.done("update")


async def answer(engine: Engine, request: Request, id: str) -> Answer:
    """200: the answer (`text`) is a final report of the sender's, owed to who ordered it; the referral is done (points F, G)."""
    asked = parameters(request, {"text": "valueString"})
    said = text(asked, "text", most=orders.LONGEST, needed=True)
    found = await _mine(engine, request, id, "answer", "answered")
    if isinstance(found, Answer):
        return found
    act, sender = found.act, found.sender
    after = found.move("answered", "BCFG", None, said, status="completed")
    found.tasks(after, None, "completed", "completed")
    report = orders.answer(sender.order, found.copy, request.caller, said, act.now)
    act.make(report, _label(sender.label, report))
    patient = str(report["subject"]["reference"]).removeprefix("Patient/")
    owner = sender.order.get("requester") or {"reference": f"Organization/{sender.label.unit}"}
    owed = tasks.made("result", f"DiagnosticReport/{report['id']}", patient, owner, act.now)
    act.make(owed, Label(sender.label.provider, sender.label.unit, "samordning"))
    return await act.done("sign")


async def _mine(engine: Engine, request: Request, id: str, act: str, to: str) -> "_Received | Answer":
    """What the caller's unit has received; an Answer where the caller has done this already. Raises NotYours, NotNow."""
    staff(request.caller)
    copy, answer = await current(engine, request, TYPE, id)
    if copy.get("intent") != "filler-order" or not copy.get("basedOn"):
        raise NotNow("Det här görs av den enhet som har tagit emot remissen")
    must_be_of((await held(engine, id)).label, request)
    if referrals.done_by(copy, to, request.caller.subject):
        return answer
    referrals.must_be(copy, act)
    order = str(copy["basedOn"][0].get("reference", "")).removeprefix(f"{TYPE}/")
    sender = await held(engine, order)
    if referrals.copy_of(sender.order) != id:  # the caller changes the order only where it was sent as this copy
        raise NotNow("Remissen hör inte ihop med den som skickades. Be avsändaren att skicka den igen")
    return _Received(Act(engine, request, act), copy, sender)


def _due(copy: Resource) -> datetime | None:
    found = referrals.part(copy, "due")
    return datetime.fromisoformat(found) if found else None


def _label(label: Label, report: Resource) -> Label:
    return Label(label.provider, label.unit, information_type(report) or "")
