"""$prescribe and $renew: one or many prescriptions by one signature, each with its checks answered (REC-02, NLL-07)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fhircore.outcome import Issue
from fhirserver.actions import Action, Done
from fhirserver.bodies import exact
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Invalid, NotFound, VersionConflict
from kit.problems import Kind, Problem
from vis.care import medicines, renewals
from vis.care.advising import in_context, made, read_known, whole
from vis.care.asking import NotNow, person, staff
from vis.care.baskets import Basket, Said, basket, id_of
from vis.care.changing import Change, current
from vis.care.checking import Known, checks, open_checks
from vis.care.elsewhere import Elsewhere, alone

Resource = dict[str, Any]
_TYPE = "MedicationRequest"
_STANDING = "select key, id, ver from res where key = any($1::bigint[])"


class Incomplete(Problem):
    """A draft says too little, or what may be misread; the text says what to write."""

    kind = Kind.RULE_BROKEN
    code = "care/incomplete"
    title = "The prescription is not complete"


class Unanswered(Problem):
    """A check hit, or could not be made, and the prescriber has not said why it is signed all the same."""

    kind = Kind.RULE_BROKEN
    code = "care/unanswered"
    title = "A check of the prescription has not been answered"


async def prescribe(engine: Engine, request: Request, _id: str, elsewhere: Elsewhere = alone) -> Answer:
    """200 with a Bundle of the prescriptions. 403 to who may not prescribe, 409 where the patient or an id does not allow it,
    422 care/incomplete and care/unanswered. Sent twice it is done once."""
    return await signed(engine, request, basket(request), elsewhere)


async def renew(engine: Engine, request: Request, id: str, elsewhere: Elsewhere = alone) -> Answer:
    """The same for a new prescription like this one: `id` (of the new one), `reason` and `dose` where they shall be others."""
    asked = basket(request, {"id": "valueString", "reason": "valueString", "dose": "valueString"})
    medicines.may_prescribe(request.caller)
    new, patient = id_of(asked.values.get("id"), "id"), in_context(request)
    other = _other_words(asked)
    if await _standing(engine, [new]):
        asked.drafts = [{"id": new, "priorPrescription": {"reference": f"{_TYPE}/{id}"}, **other}]
        return await _again(engine, request, asked)
    old = exact((await current(engine, request, _TYPE, id))[1].body)
    draft = medicines.renewal_of(old, new, patient)
    if "reasonCode" in other:
        draft.pop("reasonReference", None)
    draft |= other
    said = [Said(new, one.check, one.about, one.reason, one.comment) for one in asked.said]
    return await signed(engine, request, Basket([draft], said), elsewhere)


def _other_words(asked: Basket) -> Resource:
    """The cause and the dose that a renewal shall have instead of the old one's."""
    found: Resource = {"reasonCode": [{"text": reason}]} if (reason := asked.values.get("reason")) else {}
    return found | ({"dosageInstruction": [{"text": dose}]} if (dose := asked.values.get("dose")) else {})


async def signed(engine: Engine, request: Request, asked: Basket, elsewhere: Elsewhere) -> Answer:
    """Signs what is in the basket, all or nothing: the rules, the checks, and in one transaction the new prescriptions, the
    end of those they renew, and the tasks that asked for it."""
    staff(request.caller)
    medicines.may_prescribe(request.caller)
    patient = in_context(request)
    if not asked.drafts:
        raise Invalid("Nothing is to be prescribed", at="Parameters.parameter")
    drafts = asked.drafts = [whole(one) for one in asked.drafts]
    if await _standing(engine, [one["id"] for one in drafts]):
        return await _again(engine, request, asked)
    medicines.must_live((await current(engine, request, "Patient", patient))[0])
    _must_be_complete(drafts, patient)
    _must_be_answered(await read_known(engine, request, patient, elsewhere), drafts, asked)
    actions = await _actions(engine, request, drafts, asked, patient)
    try:
        return await perform(engine, request, "sign", actions, _bundle)
    except VersionConflict:  # the same signature came twice at once
        return await _again(engine, request, asked)


def _must_be_complete(drafts: Sequence[Resource], patient: str) -> None:
    wrong = [
        Issue(
            "business-rule", f"{medicines.name_of(one) or 'Läkemedel'}: {say}", f"{_TYPE}.{at}", reason=Incomplete.code
        )
        for one in drafts
        for at, say in medicines.faults(one, patient)
    ]
    if wrong:
        raise Incomplete(wrong[0].detail, issues=tuple(wrong))


def _must_be_answered(known: Known, drafts: Sequence[Resource], asked: Basket) -> None:
    wrong = [
        Issue(
            "business-rule", f"{medicines.name_of(draft)}: {one.text}", f"{_TYPE}/{draft['id']}", reason=Unanswered.code
        )
        for draft in drafts
        for one in open_checks(
            checks(draft, drafts, known), ((said.check, said.about) for said in asked.of(draft) if _fits(said))
        )
    ]
    if wrong:
        raise Unanswered(wrong[0].detail, issues=tuple(wrong))


def _fits(said: Said) -> bool:
    """What was not checked is checked by the prescriber; a hit is answered with a reason for going on."""
    return (said.reason == "checked") == (not said.about)


async def _actions(
    engine: Engine, request: Request, drafts: Sequence[Resource], asked: Basket, patient: str
) -> list[Action]:
    now, actions, after = datetime.now(UTC), list[Action](), list[Action]()
    priors = [prior for one in drafts if (prior := _prior(one))]
    if len(set(priors)) != len(priors):
        raise NotNow("Samma läkemedel förnyas två gånger")
    for draft in drafts:
        answers = [one.extension() for one in asked.of(draft)]
        new = made(medicines.signed(draft, request.caller, now, answers))
        action = Action("PUT", _TYPE, _TYPE, draft["id"], new.raw, new.data, must_be_new=True, patient=patient)
        action.by = "prescribe"
        actions.append(action)
        if prior := _prior(draft):
            old, _ = await current(engine, request, _TYPE, prior)
            if old.get("subject") != draft["subject"]:
                raise NotNow("Läkemedlet som förnyas gäller en annan patient")
            medicines.must_be_renewable(old)
            after.append(
                Action("PATCH", _TYPE, _TYPE, prior, patch=Change(medicines.renewed), patient=patient, by="renew")
            )
            after += await renewals.answering(engine, prior, request.caller, "Förnyat", "renewed")
    return [*actions, *after]


async def _standing(engine: Engine, ids: Sequence[str]) -> bool:
    keys = [engine.keys.of(f"{_TYPE}/{id}") for id in ids]
    return bool(await engine.db.pool.fetch(_STANDING, keys))


async def _again(engine: Engine, request: Request, asked: Basket) -> Answer:
    """What the same signature made before. Raises NotNow where something else stands under one of the ids."""
    found = []
    for draft in asked.drafts:
        try:
            one, answer = await current(engine, request, _TYPE, draft["id"])
        except NotFound:  # only some of them stand: the basket is another one
            raise NotNow("En del av ordinationerna finns redan. Läs om sidan") from None
        mine = one.get("requester", {}).get("identifier") == person(request.caller)["identifier"]
        if not (
            mine
            and medicines.same(one, draft)
            and one.get("subject", {}).get("reference") == f"Patient/{in_context(request)}"
        ):
            raise NotNow("Ordinationen finns redan med ett annat innehåll. Läs om sidan")
        found.append(answer.body)
    return Answer(200, _joined(found))


def _bundle(done: Sequence[Done], position: int) -> Answer:
    """The prescriptions that were made now."""
    rows = [one.written.row for one in done if one.action.method == "PUT" and one.written is not None]
    bodies = [row.body for row in rows if row is not None and row.type_name == _TYPE]
    return Answer(200, _joined(bodies), [(b"fvm-position", b"%d" % position)])


def _joined(bodies: Sequence[bytes]) -> bytes:
    entries = b",".join(b'{"resource":' + body + b"}" for body in bodies)
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + entries + b"]}"


def _prior(draft: Resource) -> str:
    """The id of the prescription that this one renews, "" where it renews none."""
    return str(draft.get("priorPrescription", {}).get("reference", "")).removeprefix(f"{_TYPE}/")


def operations(elsewhere: Elsewhere) -> tuple[Brought, ...]:
    """`elsewhere` says what the region's record has beside VIS's own."""
    signing = "Drafts (draft) become prescriptions by one signature, checks answered (answer)."
    renewing = "A new prescription like this one (id, reason, dose, answer); this one ends."
    return (
        Brought(_TYPE, "prescribe", signing, partial(prescribe, elsewhere=elsewhere), of_type=True),
        Brought(_TYPE, "renew", renewing, partial(renew, elsewhere=elsewhere)),
    )
