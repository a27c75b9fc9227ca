"""Notes: signed by who wrote them, countersigned by another, corrected so that both texts stay (PDL 3:10, 3:14; REC-02, REC-04).

A note is a DocumentReference: docStatus preliminary is unsigned, final is signed, amended is corrected after it was signed. Every
version stays in its history (http://hl7.org/fhir/R4/documentreference.html).
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fhircore.identifiers import HSA
from kit.caller import Caller
from vis.care.asking import NotNow, NotYours, person

Resource = dict[str, Any]
SIGNED = frozenset(("final", "amended"))
CORRECTION = "urn:fvm:correction"  # an extension: why a signed note was corrected, when and by whom
COUNTERSIGNED = "urn:fvm:countersigned"  # an extension: who signed besides its author, and when
SIGNED_HERE = "urn:fvm:signed"  # an extension: who signed it here, and when
VOIDED = "urn:fvm:voided"  # an extension: why a note was struck out, when and by whom
_MARKS = frozenset((SIGNED_HERE, COUNTERSIGNED, CORRECTION, VOIDED))


def is_note(note: Resource) -> bool:
    """Whether this DocumentReference is a text of ours and not a file from elsewhere."""
    return [str(one.get("attachment", {}).get("contentType", "")).split(";")[0] for one in note.get("content", ())] == [
        "text/plain"
    ]


def words(note: Resource) -> str:
    """The text of a note."""
    found = note["content"][0]["attachment"].get("data", "")
    return base64.b64decode(found).decode()


def attachment(text: str, title: str, at: datetime) -> Resource:
    data = base64.b64encode(text.encode()).decode()
    return {
        "contentType": "text/plain; charset=utf-8",
        "language": "sv",
        "data": data,
        "title": title,
        "creation": at.isoformat(timespec="seconds"),
    }


def signed_by(note: Resource, caller: Caller) -> bool:
    """Whether this person signed it already."""
    return note.get("docStatus") in SIGNED and _is(note.get("authenticator", {}), caller)


def sign(note: Resource, caller: Caller, authors: frozenset[str], at: datetime) -> Resource:
    """The note, signed. `authors`: HSA-ids of those who wrote it; none known: whoever signs answers for it."""
    _living(note)
    if note.get("docStatus") in SIGNED:
        raise NotNow("Anteckningen är redan signerad. Läs om sidan")
    if authors and caller.subject not in authors:
        raise NotYours("Anteckningen signeras av den som skrev den. Du kan kontrasignera den när den är signerad")
    signed = {"docStatus": "final", "authenticator": person(caller), "date": note.get("date") or _moment(at)}
    return _with(note, SIGNED_HERE, caller, at) | signed


def countersigned_by(note: Resource, caller: Caller) -> bool:
    return any(_is(_part(one, "by"), caller) for one in _extensions(note, COUNTERSIGNED))


def countersign(note: Resource, caller: Caller, authors: frozenset[str], at: datetime) -> Resource:
    """The note, signed by a second person."""
    _living(note)
    if note.get("docStatus") not in SIGNED:
        raise NotNow("Anteckningen är inte signerad än. Den som skrev den signerar först")
    if caller.subject in authors or _is(note.get("authenticator", {}), caller):
        raise NotYours("Den som har signerat anteckningen kan inte kontrasignera den")
    return _with(note, COUNTERSIGNED, caller, at)


def correct(note: Resource, caller: Caller, text: str, reason: str, at: datetime) -> Resource:
    """The note with another text. The text before it stands in the version before, and the correction says why, who and when.

    A signed note stays signed, by who corrects it; an unsigned one is saved anew and still waits for its author.
    """
    _living(note)
    if note.get("docStatus") not in SIGNED:
        raise NotNow("Anteckningen är inte signerad. Skriv om den och signera i stället")
    if words(note) == text:
        raise NotNow("Texten är oförändrad")
    changed = _with(note, CORRECTION, caller, at, reason)
    title = note["content"][0]["attachment"].get("title", "Anteckning")
    changed["content"] = [{**note["content"][0], "attachment": attachment(text, title, at)}]
    return changed | {"docStatus": "amended", "authenticator": person(caller)}


def void(note: Resource, caller: Caller, authors: frozenset[str], reason: str, at: datetime) -> Resource:
    """The note, struck out: written about the wrong patient, or never to be acted on. Its words stay in it, readable as struck.

    An unsigned one is struck out by who wrote it.
    """
    _living(note)
    if note.get("docStatus") not in SIGNED and authors and caller.subject not in authors:
        raise NotYours("En osignerad anteckning makuleras av den som skrev den")
    return _with(note, VOIDED, caller, at, reason) | {"status": "entered-in-error", "docStatus": "entered-in-error"}


def voided_by(note: Resource, caller: Caller) -> bool:
    return any(_is(_part(one, "by"), caller) for one in _extensions(note, VOIDED))


def may_be_asked(note: Resource, to: Resource, authors: frozenset[str]) -> None:
    """Raises NotNow unless this person or unit can countersign the note."""
    _living(note)
    if note.get("docStatus") not in SIGNED:
        raise NotNow("Anteckningen är inte signerad än. Signera den först")
    value = to.get("identifier", {}).get("value")
    if value and (value in authors or value == note.get("authenticator", {}).get("identifier", {}).get("value")):
        raise NotNow("Den som har skrivit eller signerat anteckningen kan inte kontrasignera den. Välj någon annan")


def plain_write(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
    """What a write by no act of this module may do to a note (REC-03). Raises NotNow where it would change what somebody
    signed, countersigned, corrected or struck out here, or would put such a mark on a note.

    A note that another system signed carries no mark of ours, and stays its source's to change.
    """
    if old is None:
        return
    if _marked(old):
        raise NotNow("Anteckningen är signerad. Den rättas eller makuleras, den skrivs inte över och tas inte bort")
    if new is not None and _marked(new):
        raise NotNow("En anteckning signeras, rättas och makuleras med $sign, $correct och $void")


def signs(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    """Whether a write makes a note that waited for its signature a signed one."""
    before, after = (old or {}).get("docStatus"), (new or {}).get("docStatus")
    return before == "preliminary" and after in SIGNED


def _marked(note: Mapping[str, Any]) -> bool:
    return any(one.get("url") in _MARKS for one in note.get("extension", ()))


def _living(note: Resource) -> None:
    if note.get("status") != "current":
        raise NotNow("Anteckningen är makulerad")
    if not is_note(note):
        raise NotNow("Dokumentet är ingen anteckning som skrivs här")


def _with(note: Resource, url: str, caller: Caller, at: datetime, reason: str = "") -> Resource:
    parts = [{"url": "by", "valueReference": person(caller)}, {"url": "at", "valueDateTime": _moment(at)}]
    if reason:
        parts.append({"url": "reason", "valueString": reason})
    return note | {"extension": [*note.get("extension", ()), {"url": url, "extension": parts}]}


def _extensions(note: Resource, url: str) -> list[Resource]:
    return [one for one in note.get("extension", ()) if one.get("url") == url]


def _part(extension: Resource, url: str) -> Resource:
    return next((one.get("valueReference", {}) for one in extension.get("extension", ()) if one.get("url") == url), {})


def _is(reference: Resource, caller: Caller) -> bool:
    known = reference.get("identifier", {})
    return (known.get("system"), known.get("value")) == (HSA, caller.subject)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
