"""Ordering: many tests and referrals by one signature, a referral that was drafted is sent, and the sender takes one back."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from fhircore.outcome import InvalidFHIR, Issue
from fhirserver.actions import Done
from fhirserver.bodies import minified, parsed
from fhirserver.engine import Engine
from fhirserver.intake import require_context
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Invalid, NotFound, VersionConflict
from kit.problems import Kind, Problem
from vis.care import orders, referrals, sending
from vis.care.asking import NotNow, parameters, person, staff, text
from vis.care.changing import current
from vis.care.ends import TYPE, Act, held, must_be_of
from vis.care.places import Places

Resource = dict[str, Any]


class NotOrderable(Problem):
    """An order lacks something; the text says which one and what to do."""

    kind = Kind.RULE_BROKEN
    code = "care/not-orderable"
    title = "An order lacks something"

    def __init__(self, detail: str, *, at: str) -> None:
        super().__init__(detail, at=at, issues=(Issue(self.kind.issue, detail, at, reason=self.code),))


async def order(engine: Engine, request: Request, _: str, places: Places) -> Answer:
    """201 with a Bundle of the orders in the order they were sent; parameters `order`, each with a ServiceRequest as `resource`.

    All or none: what one of them lacks is 422 and says which. Sent again by the same person: 200 with what stands.
    """
    staff(request.caller)
    patient = require_context(request, TYPE)
    drafts = _drafts(request)
    known = await places() if any(orders.kind_of(one) == orders.REFERRAL for one in drafts) else {}
    for place, draft in enumerate(drafts, 1):
        lacking = orders.lacks(draft, patient or "", known)
        if lacking:
            raise NotOrderable(
                f"Rad {place}: {lacking[1]}", at=f"Parameters.parameter[{place - 1}].resource.{lacking[0]}"
            )
    ids = [str(one["id"]) for one in drafts]
    if len(set(ids)) < len(ids):
        raise Invalid("Two orders have the same id", at="Parameters.parameter")
    standing = await _standing(engine, request, ids)
    if standing:
        return standing
    await _must_live(engine, request, patient or "")
    act = Act(engine, request, "order")
    places_of: list[int] = []
    for draft in drafts:
        places_of.append(len(act.actions))
        signed = orders.signed(draft, request.caller, act.now, orders.number_of(ids[0]))
        if orders.kind_of(signed) == orders.REFERRAL:
            sending.new(act, signed, known[referrals.receiver(signed)])
        else:
            act.make(signed)
    try:
        return await perform(engine, request, "sign", act.actions, partial(_bundle, places_of))
    except VersionConflict:  # the same basket twice at the same moment
        standing = await _standing(engine, request, ids)
        if standing:
            return standing
        raise


async def send(engine: Engine, request: Request, id: str, places: Places) -> Answer:
    """200; a draft is signed and sent, or one in return is sent again with `text`, what was asked for."""
    asked = parameters(request, {"text": "valueString"})
    staff(request.caller)
    said = text(asked, "text", most=orders.LONGEST)
    found, answer = await current(engine, request, TYPE, id)
    if referrals.done_by(found, "sent", request.caller.subject):
        return answer
    must_be_of((await held(engine, id)).label, request)
    referrals.must_be(found, "send")
    act = Act(engine, request, "send")
    if referrals.state(found) == "returned":
        sending.again(act, found, said)
        return await act.done("sign")
    if found.get("status") != "draft":
        raise NotNow("Bara ett utkast skickas. Läs om sidan")
    lacking = orders.lacks(found, act.patient or "", known := await places())
    if lacking:
        raise NotOrderable(lacking[1], at=f"{TYPE}.{lacking[0]}")
    await _must_live(engine, request, act.patient or "")
    signed = orders.signed(found, request.caller, act.now, orders.number_of(id))
    sending.drafted(act, signed, known[referrals.receiver(found)])
    return await act.done("sign")


async def cancel(engine: Engine, request: Request, id: str) -> Answer:
    """200; the sender takes an order or a referral back, with a `reason`."""
    asked = parameters(request, {"reason": "valueString"})
    staff(request.caller)
    reason = text(asked, "reason", most=1_000, needed=True)
    found, answer = await current(engine, request, TYPE, id)
    if found.get("status") == "revoked" and referrals.done_by(found, "cancelled", request.caller.subject):
        return answer
    must_be_of((await held(engine, id)).label, request)
    act = Act(engine, request, "cancel")

    def revoked(order: Resource) -> Resource:
        if order.get("intent") == "filler-order":
            raise NotNow("Remissen makuleras av den som skickade den. Returnera den i stället")
        if order.get("status") not in ("active", "on-hold"):
            raise NotNow("Beställningen är redan avslutad. Läs om sidan")
        if orders.kind_of(order) == orders.REFERRAL:
            referrals.must_be(order, "cancel")
        return referrals.moved(order | {"status": "revoked"}, "cancelled", act.now, act.by, words=reason)

    act.change(TYPE, id, revoked)
    copy = referrals.copy_of(found)
    if copy:
        sending.taken_back(act, found, copy, reason)
    return await act.done("update")


async def _must_live(engine: Engine, request: Request, patient: str) -> None:
    found, _ = await current(engine, request, "Patient", patient)
    if found.get("deceasedDateTime") or found.get("deceasedBoolean") is True:
        raise NotNow("Patienten är avliden. Inget beställs")


def _drafts(request: Request) -> list[Resource]:
    try:
        body = parsed(minified(request.body)) if request.body.strip() else {}
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    listed = body.get("parameter") if isinstance(body, dict) and body.get("resourceType") == "Parameters" else None
    if not isinstance(listed, list) or not 0 < len(listed) <= orders.MOST:
        raise Invalid(
            f"The body is a Parameters resource with 1 to {orders.MOST} of 'order'", at="Parameters.parameter"
        )
    for place, one in enumerate(listed):
        if not isinstance(one, dict) or one.get("name") != "order" or not isinstance(one.get("resource"), dict):
            raise Invalid("Each parameter is named 'order' and holds a resource", at=f"Parameters.parameter[{place}]")
    return [one["resource"] for one in listed]


async def _standing(engine: Engine, request: Request, ids: Sequence[str]) -> Answer | None:
    """What stands under these ids, where all of it is the caller's own; None where nothing stands. Raises NotNow else."""
    found = await _read(engine, request, ids)
    if 0 < len(found) < len(ids):  # the same basket may have been stored between two of these reads
        found = await _read(engine, request, ids)
    if not found:
        return None
    if len(found) < len(ids) or any(one.get("requester") != person(request.caller) for one in found):
        raise NotNow("Någon av beställningarna finns redan. Läs om sidan och kontrollera vad som är beställt")
    return Answer(200, msgspec.json.encode(_collected(found)))


async def _read(engine: Engine, request: Request, ids: Sequence[str]) -> list[Resource]:
    found = []
    for id in ids:
        asked = Request("GET", (TYPE, id), "", {}, b"", request.caller, request.sight)
        try:
            found.append(parsed((await read(engine, asked, TYPE, id)).body))
        except NotFound:
            continue
    return found


def _bundle(places: Sequence[int], done: Sequence[Done], position: int) -> Answer:
    rows = [written.row for place in places if (written := done[place].written) is not None and written.row is not None]
    body = msgspec.json.encode(_collected([parsed(row.body) for row in rows]))
    return Answer(201, body, [(b"fvm-position", b"%d" % position)])


def _collected(found: Sequence[Mapping[str, Any]]) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in found]}
