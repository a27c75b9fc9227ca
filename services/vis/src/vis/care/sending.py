"""A referral goes out: the order and what the sender keeps an eye on, the receiver's copy and what the receiver owes."""

from datetime import datetime
from typing import Any

from vis.care import orders, referrals, tasks
from vis.care.asking import NotNow
from vis.care.ends import TYPE, Act, of_unit
from vis.care.places import Place

Resource = dict[str, Any]
WATCH = "Bevaka remiss"


def new(act: Act, signed: Resource, place: Place) -> None:
    """A signed referral, sent at once."""
    sent, due = _sent(act, signed, place)
    act.make(sent)
    _follow(act, sent, place, due)


def drafted(act: Act, signed: Resource, place: Place) -> None:
    """The same of one that stands as a draft. Raises NotNow, when it is done, where it is none any more."""
    sent, due = _sent(act, signed, place)

    def out(draft: Resource) -> Resource:
        if draft.get("status") != "draft":
            raise NotNow("Remissen är redan skickad. Läs om sidan")
        return sent | {"meta": draft.get("meta", {})}

    act.change(TYPE, str(sent["id"]), out)
    _follow(act, sent, place, due)


def again(act: Act, found: Resource, said: str) -> None:
    """One that was returned goes to the same unit again, with what was asked for."""
    id, copy, caller = str(found["id"]), referrals.copy_of(found), act.request.caller
    due = referrals.assess_by(str(found.get("priority", "")), act.now)

    def sent(order: Resource) -> Resource:
        referrals.must_be(order, "send")
        return referrals.moved(orders.with_note(order, caller, said, act.now), "sent", act.now, act.by, due=due)

    after = sent(found)
    act.change(TYPE, id, sent)
    act.change(TYPE, copy, lambda own: sent(own) | {"status": "active"})
    act.change_task("referral", copy, lambda task: orders.followed(task, after, act.now, due, "requested"))
    act.change_task("referral-sent", id, lambda task: orders.followed(task, after, act.now, due, "on-hold", WATCH))


def receive(act: Act, copy: Resource, place: Place, sender: Resource, due: datetime) -> None:
    """The receiver's end, new at this unit."""
    owner = {"reference": f"Organization/{place.unit}", "display": place.name}
    act.make(copy, of_unit(place, copy))
    task = orders.task("referral", copy, owner, sender, act.now, due)
    act.make(task, of_unit(place, task))


def taken_back(act: Act, found: Resource, copy: str, reason: str) -> None:
    """What follows when the sender takes a referral back."""
    after = referrals.moved(found, "cancelled", act.now, act.by)

    def ended(task: Resource) -> Resource:
        return orders.followed(task, after, act.now, None, "cancelled") | {
            "statusReason": {"text": f"Makulerad: {reason}"}
        }

    def revoked(own: Resource) -> Resource:
        return referrals.moved(own | {"status": "revoked"}, "cancelled", act.now, act.by, words=reason)

    act.change(TYPE, copy, revoked)
    act.change_task("referral", copy, ended)
    act.change_task("referral-sent", str(found["id"]), ended)


def _sent(act: Act, signed: Resource, place: Place) -> tuple[Resource, datetime]:
    due = referrals.assess_by(str(signed["priority"]), act.now)
    performer = [{"reference": f"Organization/{place.unit}", "display": place.name}]
    copy = referrals.copy_id(str(signed["id"]), place.unit)
    sent = referrals.moved(signed | {"performer": performer}, "sent", act.now, act.by, passed="A", due=due)
    return referrals.pointing(sent, copy), due


def _follow(act: Act, sent: Resource, place: Place, due: datetime) -> None:
    sender = tasks.unit(act.request.caller)
    act.make(orders.task("referral-sent", sent, act.by, sender, act.now, due) | {"status": "on-hold"})
    receive(act, orders.copy(sent, referrals.copy_of(sent), place), place, sender, due)
