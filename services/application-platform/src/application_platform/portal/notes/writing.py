"""The acts on a note: a draft that saves itself, keeping it unsigned, signing, and correcting so that both texts stay."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application_platform.portal.care import Care, NotTaken, Stale
from application_platform.portal.notes import model
from kit.problems import Kind, Problem

_TYPE = "DocumentReference"


class AlreadySigned(Problem):
    """The note is signed; a signed note is corrected, never changed (REC-04)."""

    kind = Kind.CONFLICT
    code = "application/note-already-signed"
    title = "The note is signed already"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who acts, with what token, in which patient's record."""

    care: Care
    token: str
    patient: str


@dataclass(frozen=True, slots=True)
class Words:
    """What is written: under which title, and the whole text."""

    title: str
    text: str


async def draft(writer: Writer, id: str, words: Words, base: int) -> int:
    """The version that holds these words. Sent twice it is saved once. Raises Stale when another window wrote meanwhile."""
    try:
        return await writer.care.save(writer.token, writer.patient, id, words.title, words.text, base)
    except (Stale, NotTaken):
        held = await writer.care.draft(writer.token, writer.patient, id)
        if (held["title"], held["text"]) == (words.title, words.text) and held["state"] != "cancelled":
            return int(held["version"])
        raise


async def file(writer: Writer, id: str, words: Words, base: int, *, sign: bool) -> None:
    """The draft with these words becomes a note of the record; again: nothing more happens."""
    version = await draft(writer, id, words, base)
    await writer.care.file(writer.token, writer.patient, id, version, sign=sign)


async def rewrite(writer: Writer, id: str, text: str, version: str) -> str:
    """The next version of an unsigned note. Raises Stale, and AlreadySigned where it is signed meanwhile."""
    held = await writer.care.read(writer.token, writer.patient, _TYPE, id)
    if model.text(held.resource) == text:
        return held.version
    if not model.unsigned(held.resource):
        raise AlreadySigned
    if held.version != version:
        raise Stale
    changed: dict[str, Any] = {name: value for name, value in held.resource.items() if name != "meta"}
    first, *rest = held.resource["content"]
    data = base64.b64encode(text.encode()).decode()
    changed["content"] = [{**first, "attachment": {**first["attachment"], "data": data}}, *rest]
    return (await writer.care.update(writer.token, writer.patient, id, version, changed)).version


async def sign(writer: Writer, id: str) -> None:
    """The author signs; again: nothing more happens. Raises NotTaken with VIS's words where it is another's to sign."""
    await writer.care.act(writer.token, writer.patient, f"{_TYPE}/{id}", "sign", {})


async def correct(writer: Writer, id: str, text: str, reason: str, version: str) -> None:
    """A signed note gets another text; the one before stays in its history. Sent twice it is corrected once."""
    held = await writer.care.read(writer.token, writer.patient, _TYPE, id)
    if held.version != version:
        if model.text(held.resource) == text and model.signed(held.resource):
            return
        raise Stale
    values = {"text:valueString": text, "reason:valueString": reason}
    await writer.care.act(writer.token, writer.patient, f"{_TYPE}/{id}", "correct", values)


async def ask_to_countersign(writer: Writer, id: str, who: Mapping[str, Any]) -> None:
    """A person or a unit is asked; again: nothing more happens. Raises NotTaken with VIS's words."""
    await writer.care.act(
        writer.token, writer.patient, f"{_TYPE}/{id}", "request-countersign", {"who:valueReference": who}
    )
