"""The operations of orders and referrals, and what must hold of a referral whatever door a write came by."""

from collections.abc import Sequence
from functools import partial

from fhirserver.brought import Brought
from fhirserver.guarding import Made
from kit.db import Connection
from vis.care import ordering, receiving, referrals
from vis.care.asking import NotNow
from vis.care.ends import TYPE
from vis.care.places import Places


def operations(places: Places) -> tuple[Brought, ...]:
    """`places` says which units can receive."""
    send, forward = partial(ordering.send, places=places), partial(receiving.forward, places=places)
    return (
        Brought(
            TYPE,
            "order",
            "Tests and referrals by one signature: parameters order, each with a ServiceRequest.",
            partial(ordering.order, places=places),
            of_type=True,
        ),
        Brought(TYPE, "send", "A drafted referral is signed and sent, or a returned one is sent again (text).", send),
        Brought(TYPE, "cancel", "The sender takes an order or a referral back (reason).", ordering.cancel),
        Brought(TYPE, "receive", "The referral has come to its receiver. No parameters.", receiving.receive),
        Brought(TYPE, "accept", "The receiver accepts the referral (priority, latest, comment).", receiving.accept),
        Brought(TYPE, "schedule", "The patient has a time for the referral (appointment).", receiving.schedule),
        Brought(TYPE, "return", "The receiver asks the sender for more (question).", receiving.give_back),
        Brought(TYPE, "forward", "Another unit takes the referral over (unit, comment).", forward),
        Brought(
            TYPE,
            "answer",
            "The receiver answers (text): a final report that the sender acknowledges.",
            receiving.answer,
        ),
    )


async def guard(_: Connection, made: Sequence[Made]) -> None:
    """A plain write neither makes, changes nor takes away the state of a referral, its two ends or its times. Raises NotNow."""
    for one in made:
        if one.by or (one.old is None and not one.may_say(b"urn:fvm:")):
            continue
        before, after = one.old or {}, one.new
        if after is None:
            if referrals.state(before):
                raise NotNow("En skickad remiss tas inte bort. Den makuleras av den som skickade den")
            continue
        if referrals.state(before) and referrals.told(before) != referrals.told(after):
            raise NotNow("En skickad remiss ändras bara med remissens egna åtgärder")
        if not referrals.state(before) and (referrals.state(after) or referrals.points(after)):
            raise NotNow("En remiss skickas med $send eller $order")
