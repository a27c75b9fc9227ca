"""Who wrote, signed, countersigned, corrected or struck out a note, and where two texts of it differ (pure; vis.care.notes)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Literal

from application_platform.portal.entry import display
from application_platform.portal.notes import model
from application_platform.portal.swedish import Moment, moment

Resource = Mapping[str, Any]

_WORDS = re.compile(r"\s+|[^\s]+")
_MOST = 2_000  # words of a changed part that are compared one by one; a longer part is shown whole


@dataclass(frozen=True, slots=True)
class Mark:
    """Who did it, when, and why where a reason was asked for."""

    by: str
    at: Moment | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a note says of itself."""

    authors: tuple[str, ...]
    signed: Mark | None
    countersigned: tuple[Mark, ...]
    corrected: tuple[Mark, ...]
    voided: Mark | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that stayed, is gone or is new."""

    kind: Literal["same", "gone", "new"]
    text: str


@dataclass(frozen=True, slots=True)
class Version:
    """One text of a note: until when it stood, who replaced it and why, and what differs from the text before."""

    number: str
    at: Moment | None
    text: str
    mark: Mark | None
    pieces: tuple[Piece, ...]


def marks(note: Resource) -> Marks:
    """The marks of a note; one that another system signed has its signer and no more."""
    voided = _marks(note, "urn:fvm:voided")
    return Marks(
        tuple(display(one) or "okänd" for one in note.get("author", ())),
        _signed(note),
        _marks(note, "urn:fvm:countersigned"),
        _marks(note, "urn:fvm:correction"),
        voided[0] if voided else None,
    )


def wrote(note: Resource, person: str) -> bool:
    """Whether this person (HSA-id) is one of the authors, or signed it."""
    named = [*note.get("author", ()), note.get("authenticator", {})]
    return person in [one.get("identifier", {}).get("value") for one in named]


def known_author(note: Resource) -> bool:
    """Whether the note says by HSA-id who wrote it."""
    return any(one.get("identifier", {}).get("value") for one in note.get("author", ()))


def signed_by(note: Resource, person: str) -> bool:
    """Whether this person is who answers for it now."""
    value = note.get("authenticator", {}).get("identifier", {}).get("value")
    return bool(value) and value == person


def countersigned_by(note: Resource, person: str) -> bool:
    parts = [part for one in _extensions(note, "urn:fvm:countersigned") for part in one.get("extension", ())]
    return person in [part.get("valueReference", {}).get("identifier", {}).get("value") for part in parts]


def versions(history: Sequence[Resource]) -> list[Version]:
    """The texts of a note, the newest first: versions that changed no word (a signature) are not texts of their own."""
    oldest_first = [one for one in reversed(history) if one.get("resourceType") == "DocumentReference"]
    texts: list[Resource] = []
    for note in oldest_first:
        if not texts or model.text(texts[-1]) != model.text(note):
            texts.append(note)
    found = [_version(note, None) for note in texts[:1]]
    found += [_version(note, before) for before, note in pairwise(texts)]
    return found[::-1]


def difference(before: str, after: str) -> tuple[Piece, ...]:
    """What of `before` stayed and is gone, and what of `after` is new: by lines, and within a changed part by words."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        gone, came = "".join(old[a:b]), "".join(new[c:d])
        found += [Piece("same", gone)] if kind == "equal" else _within(gone, came)
    return tuple(found)


def _within(gone: str, came: str) -> list[Piece]:
    old, new = _WORDS.findall(gone), _WORDS.findall(came)
    if not old or not new or max(len(old), len(new)) > _MOST:
        return [piece for piece in (Piece("gone", gone), Piece("new", came)) if piece.text]
    found: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(old[a:b])))
            continue
        pieces = Piece("gone", "".join(old[a:b])), Piece("new", "".join(new[c:d]))
        found += [piece for piece in pieces if piece.text]
    return found


def _version(note: Resource, before: Resource | None) -> Version:
    text, at = model.text(note), moment(note.get("meta", {}).get("lastUpdated"))
    corrected = _marks(note, "urn:fvm:correction")
    earlier = _marks(before or {}, "urn:fvm:correction")
    mark = corrected[-1] if len(corrected) > len(earlier) else None
    pieces = difference(model.text(before), text) if before is not None else (Piece("same", text),)
    return Version(str(note.get("meta", {}).get("versionId", "")), at, text, mark, pieces)


def _signed(note: Resource) -> Mark | None:
    """Who signed it first, where that is said; else who answers for it now."""
    first = _marks(note, "urn:fvm:signed")
    if first:
        return first[0]
    by = display(note.get("authenticator"))
    return Mark(by, None) if by else None


def _marks(note: Resource, url: str) -> tuple[Mark, ...]:
    found = []
    for one in _extensions(note, url):
        parts = {part.get("url"): part for part in one.get("extension", ())}
        by = display(parts.get("by", {}).get("valueReference")) or "okänd"
        at = moment(parts.get("at", {}).get("valueDateTime"))
        found.append(Mark(by, at, str(parts.get("reason", {}).get("valueString", ""))))
    return tuple(found)


def _extensions(note: Resource, url: str) -> list[Resource]:
    return [one for one in note.get("extension", ()) if one.get("url") == url]
