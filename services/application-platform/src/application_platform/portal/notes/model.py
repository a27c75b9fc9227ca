"""A note's words: templates with their headings, and how sections become one text and come back (pure)."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application_platform.portal.values import text_of

Resource = Mapping[str, Any]

LONGEST = 200_000  # characters of a whole note (vis.care.signing)
_WHOLE = "Text"  # the only section of a note whose words follow no template


@dataclass(frozen=True, slots=True)
class Template:
    """What a kind of note is called, and the headings (sökord) that it is written under."""

    id: str
    title: str
    headings: tuple[str, ...]


TEMPLATES = (
    Template("dag", "Daganteckning", ("Subjektivt", "Objektivt", "Bedömning", "Åtgärd", "Planering")),
    Template("besok", "Besöksanteckning", ("Kontaktorsak", "Aktuellt", "Status", "Bedömning", "Åtgärd")),
    Template(
        "inskrivning",
        "Inskrivningsanteckning",
        ("Kontaktorsak", "Tidigare sjukdomar", "Aktuella läkemedel", "Aktuellt", "Status", "Bedömning", "Åtgärd"),
    ),
    Template("telefon", "Telefonkontakt", ("Kontaktorsak", "Samtalet", "Råd och åtgärd")),
    Template("omvardnad", "Omvårdnadsanteckning", ("Omvårdnadsstatus", "Åtgärd", "Resultat")),
    Template("epikris", "Epikris", ("Vårdförlopp", "Bedömning", "Läkemedel vid utskrivning", "Uppföljning")),
)
_BY_ID = {one.id: one for one in TEMPLATES}
_BY_TITLE = {one.title: one for one in TEMPLATES}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is written under it."""

    heading: str
    text: str = ""


def template(id: str) -> Template:
    """The template of an id; the first one for what is no template."""
    return _BY_ID.get(id, TEMPLATES[0])


def composed(sections: Sequence[Section]) -> str:
    """One text: each heading on a line of its own over its words; sections without words are left out."""
    shown = [Section(one.heading, _lines(one.text)) for one in sections]
    parts = [one.text if one.heading == _WHOLE else f"{one.heading}\n{one.text}" for one in shown if one.text.strip()]
    return "\n\n".join(parts)


def sections(title: str, text: str) -> tuple[Section, ...]:
    """The sections of a text that this template made; anything else is one whole section, not a word is lost."""
    known = _BY_TITLE.get(title)
    if known is None:
        return (Section(_WHOLE, text),)
    found = dict.fromkeys(known.headings, "")
    current = ""
    for line in text.split("\n"):
        if line in found and not found[line]:
            current = line
        elif current:
            found[current] += f"{line}\n"
    made = tuple(Section(heading, words.strip("\n")) for heading, words in found.items())
    return made if composed(made) == text else (Section(_WHOLE, text),)


def text(found: Resource) -> str:
    """The words of a note as they were written."""
    for part in found.get("content", ()):
        data = part.get("attachment", {}).get("data")
        if data:
            return base64.b64decode(data).decode("utf-8", "replace")
    return ""


def title(found: Resource) -> str:
    return text_of(found.get("type")) or "Anteckning"


def unsigned(found: Resource) -> bool:
    return found.get("docStatus") == "preliminary" and found.get("status") == "current"


def signed(found: Resource) -> bool:
    return found.get("docStatus") in ("final", "amended") and found.get("status") == "current"


def _lines(words: str) -> str:
    """Line ends as one kind, without empty lines around."""
    return words.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
