"""$sign, $countersign, $correct and $void of a note; the same act again by the same person writes nothing (REC-02, REC-04)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fhircore.identifiers import HSA
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from kit.caller import Caller
from vis.care import notes, tasks
from vis.care.asking import parameters, staff, text
from vis.care.changing import changed, current

_TYPE = "DocumentReference"
_OWED: tuple[tasks.Kind, ...] = ("unsigned", "countersign")
LONGEST = 200_000  # characters of a note
Done = Callable[[dict[str, Any], Caller], bool]
Make = Callable[[dict[str, Any], Caller, frozenset[str], datetime], dict[str, Any]]
_PRACTITIONERS = "select key, body from res where key = any($1::bigint[])"


async def authors(engine: Engine, note: Mapping[str, Any]) -> frozenset[str]:
    """HSA-ids of those who wrote the note, also where it names them by a Practitioner of ours."""
    found, named = set[str](), []
    for one in note.get("author", ()):
        known = one.get("identifier", {})
        if known.get("system") == HSA:
            found.add(known.get("value", ""))
        elif str(one.get("reference", "")).startswith("Practitioner/"):
            named.append(engine.keys.of(one["reference"]))
    for row in await engine.db.pool.fetch(_PRACTITIONERS, named) if named else ():
        for known in parsed(engine.codec.unpack(row["body"], row["key"])).get("identifier", ()):
            if known.get("system") == HSA:
                found.add(known.get("value", ""))
    return frozenset(found - {""})


async def sign(engine: Engine, request: Request, id: str) -> Answer:
    """200; 409 when it is signed by another or is no note, 403 when another wrote it."""
    return await _signed(engine, request, id, "unsigned", notes.signed_by, notes.sign)


async def countersign(engine: Engine, request: Request, id: str) -> Answer:
    """200; 409 while it is not signed, 403 to its author."""
    return await _signed(engine, request, id, "countersign", notes.countersigned_by, notes.countersign)


async def _signed(engine: Engine, request: Request, id: str, owed: tasks.Kind, done: Done, make: Make) -> Answer:
    """A signature of the caller's, once, which closes the task that asked for it."""
    parameters(request, {})
    staff(request.caller)
    note, answer = await current(engine, request, _TYPE, id)
    if done(note, request.caller):
        return answer
    wrote, now = await authors(engine, note), datetime.now(UTC)
    closing = await tasks.closing(engine, owed, _TYPE, id)
    return await changed(
        engine, request, _TYPE, id, "sign", lambda note: make(note, request.caller, wrote, now), *closing
    )


async def correct(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameters `text` (the whole new text) and `reason`. 409 while it is not signed, or when nothing is changed."""
    asked = parameters(request, {"text": "valueString", "reason": "valueString"})
    staff(request.caller)
    said = text(asked, "text", most=LONGEST, needed=True)
    reason = text(asked, "reason", most=1_000, needed=True)
    now = datetime.now(UTC)

    def corrected(note: Any) -> Any:
        return notes.correct(note, request.caller, said, reason, now)

    return await changed(engine, request, _TYPE, id, "sign", corrected)


async def void(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameter `reason`. What waited for its signatures waits no more. 403 where it is unsigned and another's."""
    asked = parameters(request, {"reason": "valueString"})
    staff(request.caller)
    reason, now = text(asked, "reason", most=1_000, needed=True), datetime.now(UTC)
    note, answer = await current(engine, request, _TYPE, id)
    if notes.voided_by(note, request.caller):
        return answer
    wrote = await authors(engine, note)
    closing: list[Action] = []
    for kind in _OWED:
        closing += await tasks.closing(engine, kind, _TYPE, id, "cancelled")

    def voided(note: Any) -> Any:
        return notes.void(note, request.caller, wrote, reason, now)

    return await changed(engine, request, _TYPE, id, "sign", voided, *closing)


OPERATIONS = (
    Brought(_TYPE, "sign", "The author signs a note (PDL 3:10): docStatus final. No parameters.", sign),
    Brought(_TYPE, "countersign", "Another member of staff signs a signed note too. No parameters.", countersign),
    Brought(_TYPE, "correct", "A signed note gets another text (text, reason); both stay in its history.", correct),
    Brought(_TYPE, "void", "A note is struck out (reason): entered-in-error, its words stay.", void),
)
