"""$stop, $hold and $release of a prescription: each once, with its reason, by who may prescribe."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.guarding import Made
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid
from kit.db import Connection
from vis.care import medicines, renewals
from vis.care.asking import parameters, staff, text
from vis.care.changing import changed, current

_TYPE = "MedicationRequest"
_SAID = 1_000  # characters of a comment


async def stop(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameters `reason` (medicines.STOPS) and `comment`, needed where the reason is other. A request for renewal is
    answered by it. 409 when it has ended already."""
    asked = parameters(request, {"reason": "valueCode", "comment": "valueString"})
    _must_prescribe(request)
    reason = text(asked, "reason", most=20, needed=True)
    if reason not in medicines.STOPS:
        raise Invalid(f"'reason' is one of {', '.join(medicines.STOPS)}", at="reason")
    said = text(asked, "comment", most=_SAID, needed=reason == "other")
    medicine, answer = await current(engine, request, _TYPE, id)
    if medicine.get("status") == "stopped" and medicines.last_by(medicine, request.caller):
        return answer
    now = datetime.now(UTC)
    closing = await renewals.answering(engine, id, request.caller, f"Utsatt: {medicines.STOPS[reason]}", "stopped")
    return await changed(
        engine,
        request,
        _TYPE,
        id,
        "sign",
        lambda one: medicines.stopped(one, request.caller, reason, said, now),
        *closing,
    )


async def hold(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameter `comment`, why it is paused. 409 unless it is in force."""
    said = text(parameters(request, {"comment": "valueString"}), "comment", most=_SAID, needed=True)
    _must_prescribe(request)
    medicine, answer = await current(engine, request, _TYPE, id)
    if medicine.get("status") == "on-hold" and medicines.last_by(medicine, request.caller):
        return answer
    now = datetime.now(UTC)
    return await changed(engine, request, _TYPE, id, "sign", lambda one: medicines.held(one, request.caller, said, now))


async def release(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameter `comment`. It is in force again. 409 unless it is paused."""
    said = text(parameters(request, {"comment": "valueString"}), "comment", most=_SAID)
    _must_prescribe(request)
    medicine, answer = await current(engine, request, _TYPE, id)
    if medicine.get("status") == "active" and medicines.last_by(medicine, request.caller):
        return answer
    now = datetime.now(UTC)
    return await changed(
        engine, request, _TYPE, id, "sign", lambda one: medicines.released(one, request.caller, said, now)
    )


async def guard(_con: Connection, made: Sequence[Made]) -> None:
    """What was signed here is changed by the acts on medicines only, whatever door a write comes by. Raises NotNow."""
    for one in made:
        if not one.by and one.old is not None:
            medicines.plain_write(one.old, one.new)


def _must_prescribe(request: Request) -> None:
    staff(request.caller)
    medicines.may_prescribe(request.caller)


OPERATIONS = (
    Brought(_TYPE, "stop", "This prescription ends before its time (reason, comment).", stop),
    Brought(_TYPE, "hold", "This prescription is paused (comment).", hold),
    Brought(_TYPE, "release", "This paused prescription is in force again (comment).", release),
)
