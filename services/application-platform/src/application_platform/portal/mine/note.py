"""One event of the journal as its patient reads it: by whom, signed or not, and what was corrected (pure; REC-02, REC-04)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import Entry, display, first
from application_platform.portal.mine.words import WORDS
from application_platform.portal.notes.model import TEMPLATES
from application_platform.portal.swedish import Moment, moment

Resource = Mapping[str, Any]

_CORRECTION = "urn:fvm:correction"  # vis.care.notes
_HEADINGS = {heading for one in TEMPLATES for heading in one.headings}
_TYPES = {"DiagnosticReport", "DocumentReference"}
_ENDS = r"(?:en|et|n|t|er|ar|or|erna|arna|orna|s)?"  # the endings of a Swedish noun


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text; `meaning` explains it where it is a hard word."""

    text: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading of the note ("" where it has none) and its lines, with their hard words marked."""

    heading: str
    lines: tuple[tuple[Word, ...], ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """Why a text was replaced, when and by whom; `before` is the text that stood, "" where it is not known."""

    reason: str
    by: str
    at: Moment | None
    before: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """`signed` is None for what nobody signs; `hard` the words that were found, in their order, each once."""

    parts: tuple[Part, ...]
    signed: bool | None
    author: str
    signer: str
    corrections: tuple[Correction, ...]
    hard: tuple[Word, ...]


def note(entry: Entry, found: Resource, earlier: Sequence[Resource] = ()) -> Note:
    """`earlier` holds the versions before, newest first."""
    parts = tuple(_parts(entry.text))
    hard = {word.text.casefold(): word for part in parts for line in part.lines for word in line if word.meaning}
    kept: dict[str, Word] = {}
    for word in hard.values():
        kept.setdefault(word.meaning, word)
    return Note(
        parts=parts,
        signed=_signed(found),
        author=display(first(found.get("author"))) or display(first(found.get("performer"))),
        signer=display(found.get("authenticator")),
        corrections=tuple(_corrections(entry, found, earlier)),
        hard=tuple(kept.values()),
    )


def corrected(found: Resource) -> bool:
    """Whether the resource says that it has replaced another text."""
    amended = {"amended", "corrected", "appended"}
    return (
        bool(_extensions(found))
        or found.get("docStatus") in amended
        or (found.get("resourceType") in _TYPES and found.get("status") in amended)
    )


def marked(text: str) -> tuple[Word, ...]:
    """A line cut into pieces, its hard words explained."""
    pieces: list[Word] = []
    at = 0
    for match in _HARD.finditer(text):
        if match.start() > at:
            pieces.append(Word(text[at : match.start()]))
        pieces.append(Word(match.group(), WORDS[_stem(match.group(1))]))
        at = match.end()
    if at < len(text):
        pieces.append(Word(text[at:]))
    return tuple(pieces)


def _stem(word: str) -> str:
    return next(known for known in WORDS if known.casefold() == word.casefold())


_HARD = re.compile(
    rf"\b({'|'.join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True))}){_ENDS}\b", re.IGNORECASE
)


def _parts(text: str) -> list[Part]:
    """Split at the headings that our templates have; nothing of the text is left out."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.split("\n"):
        if line.strip() in _HEADINGS:
            found.append((line.strip(), []))
        else:
            found[-1][1].append(line)
    return [
        Part(heading, tuple(marked(line) for line in _trimmed(lines)))
        for heading, lines in found
        if heading or any(line.strip() for line in lines)
    ]


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _signed(found: Resource) -> bool | None:
    """A preliminary note waits for its signature; one that its system calls neither is not said to be either."""
    if found.get("resourceType") == "DocumentReference":
        status = found.get("docStatus")
        return None if status is None else status in ("final", "amended")
    if found.get("resourceType") == "DiagnosticReport":
        return False if found.get("status") in ("preliminary", "registered", "partial") else None
    return None


def _corrections(entry: Entry, found: Resource, earlier: Sequence[Resource]) -> list[Correction]:
    texts = [text for text in _texts(earlier) if text]
    before: list[str] = []
    for text in texts:
        if text != entry.text and text not in before:
            before.append(text)
    reasons = [_reason(one) for one in reversed(_extensions(found))]
    listed = [
        Correction(one.reason, one.by, one.at, before[nth] if nth < len(before) else "")
        for nth, one in enumerate(reasons)
    ]
    rest = before[len(reasons) :]
    return listed + [Correction("", "", None, text) for text in rest]


def _texts(earlier: Sequence[Resource]) -> list[str]:
    shown = (timeline.entries_from([{"entry": [{"resource": one}]}]) for one in earlier)
    return [entries[0].text for entries in shown if entries]


def _reason(extension: Resource) -> Correction:
    parts = {str(one.get("url")): one for one in extension.get("extension", ())}
    by = display(parts.get("by", {}).get("valueReference"))
    return Correction(
        str(parts.get("reason", {}).get("valueString", "")), by, moment(parts.get("at", {}).get("valueDateTime"))
    )


def _extensions(found: Resource) -> list[Resource]:
    return [one for one in found.get("extension", ()) if one.get("url") == _CORRECTION]
