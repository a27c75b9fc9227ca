"""What a writer is asked for, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fhirserver.index import Entries
from fhirserver.problems import Conflict, VersionConflict
from fhirserver.store import Row


@dataclass(slots=True)
class Put:
    """A wish to store this content under Type/id. `new` says the id was given just now, so nothing can stand there."""

    type_name: str
    id: str
    raw: bytes  # minified JSON, references final; id and meta are set here
    data: dict[str, Any]
    lab: int
    new: bool = False
    if_match: int | None = None
    sver: int | None = None
    again: bool = False  # told once more: the same version of its source replaces itself
    patient: str | None = None  # the patient in context: what is written must be about this one
    at: str = ""  # where the wish stands in what was sent, for errors
    entries: Entries | None = None  # where they were made already, `data` is not needed any more
    expect: int | None = None  # the version that a condition was decided on
    must_be_new: type[VersionConflict | Conflict] | None = None  # what to raise when something stands there
    by: str = ""  # the service's own operation that made it
    house: bool = False  # whoever asks: a rule of the service changes what stands
    relabel: bool = False  # an update gives it this label too, as a rule of the service says


@dataclass(slots=True)
class Delete:
    """A wish to delete Type/id."""

    type_name: str
    id: str
    if_match: int | None = None
    sver: int | None = None
    lab: int = 0  # needed only where it may arrive before what it deletes
    at: str = ""
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a wish: the version that stands now. `row` is None for a deletion or where nothing was done."""

    outcome: Literal["created", "updated", "deleted", "unchanged"]
    type_name: str
    id: str
    ver: int
    upd: datetime
    row: Row | None = None
    pat: int = 0
    lab: int = 0
