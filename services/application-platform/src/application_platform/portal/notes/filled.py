"""The editor's form as it is sent, what it lacks, and what the editor is shown with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

from application_platform.portal.notes import model
from application_platform.portal.notes.marks import Piece
from application_platform.portal.notes.model import Section
from application_platform.portal.notes.writing import Words
from application_platform.portal.swedish import Moment

LEAST = 3  # characters of a reason


@dataclass(frozen=True, slots=True)
class Told:
    """Why a note was not stored; `theirs` is the text that lies there instead, and its version."""

    status: int
    words: str
    theirs: str = ""
    version: str = ""


class Filled(BaseModel):
    """The editor's form. `patient` must be the address's. `id` is the draft's; `doc` the note's once it is in the record.

    `version` is what the text was written from: of the draft (0 for none), or of the note. `corrects` says that `doc` is signed.
    """

    id: UUID
    patient: str = Field(max_length=64)
    title: str = Field(min_length=1, max_length=200)
    doc: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9.\-]*$")
    version: str = Field(default="0", max_length=20, pattern=r"^[0-9]+$")
    heading: list[str] = Field(max_length=20)
    text: list[str] = Field(max_length=20)
    corrects: bool = False
    why: str = Field(default="", max_length=500)
    act: str = Field(default="save", pattern=r"^(save|keep|sign|compare)$")  # a draft, unsigned, signed; what differs
    counter: str = Field(default="", max_length=100)  # who is asked to countersign: an HSA-id, or "unit"

    @property
    def words(self) -> Words:
        return Words(self.title, model.composed(self.sections))

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(Section(heading[:100], text) for heading, text in zip(self.heading, self.text, strict=False))


@dataclass(frozen=True, slots=True)
class Shown:
    """The editor: the form, what was refused, the text that is corrected and what differs, and when a draft was saved that
    goes on here."""

    form: Filled
    told: Told = field(default_factory=lambda: Told(200, ""))
    before: str = ""
    pieces: tuple[Piece, ...] = ()  # what the correction changes
    resumed: Moment | None = None


def after_template(patient: str, title: str, text: str) -> Filled:
    """A form with a text, in the sections of its title's template where the text follows it."""
    return blank(patient, title, model.sections(title, text))


def blank(patient: str, title: str, sections: Sequence[Section]) -> Filled:
    """A form that has not been sent yet."""
    headings, texts = [one.heading for one in sections], [one.text for one in sections]
    return Filled(id=uuid4(), patient=patient, title=title, heading=headings, text=texts)


def wrong(filled: Filled, patient: str) -> str:
    """What a person must put right before anything is sent, "" when nothing."""
    if filled.patient != patient:
        return "Formuläret hör till en annan patient. Inget är sparat. Öppna rätt patients journal och skriv där."
    words = filled.words.text
    if not words.strip():
        return "Anteckningen är tom. Skriv under minst ett sökord."
    if len(words) > model.LONGEST:
        return f"Anteckningen är för lång: {len(words)} tecken, högst {model.LONGEST}. Dela den i två."
    if filled.corrects and len(filled.why.strip()) < LEAST:
        return "Skriv varför anteckningen rättas, med minst tre tecken."
    return ""
