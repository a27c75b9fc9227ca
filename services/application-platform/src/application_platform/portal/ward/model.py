"""A ward as its board shows it: beds, who lies in them, who is waited for, and the numbers on top (pure)."""

from dataclasses import dataclass

from application_platform.portal.person import Person
from application_platform.portal.swedish import Moment
from application_platform.portal.vitals.score import LOOKS, News2

FLAGS = 4  # on a card; the rest are counted


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to know on the card: words, look of a badge, icon."""

    text: str
    look: str = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody who lies here or is waited for."""

    id: str
    person: Person
    bed: str = ""  # the Location's id
    place: str = ""  # what the bed is called
    cause: str = ""
    since: Moment | None = None
    day: int = 0
    leaves: str = "oklart"
    today: bool = False  # goes home today
    on_leave: bool = False
    score: News2 | None = None
    scored: bool = True  # whether the score was asked for and answered
    flags: tuple[Flag, ...] = ()
    staff: str = ""
    mine: bool = False
    here: bool = True

    @property
    def name(self) -> str:
        return "Skyddade personuppgifter" if self.person.protected else self.person.name

    @property
    def overdue(self) -> bool:
        """Nobody has measured for twelve hours, or since the patient came."""
        return self.scored and (self.score is None or self.score.late)

    @property
    def raised(self) -> bool:
        return self.score is not None and self.score.alarming

    @property
    def edge(self) -> str:
        """The card's top edge, from 5 points: also of an incomplete score, whose points are there; never of a late one."""
        return LOOKS.get(self.score.band, "") if self.score and not self.score.late else ""

    @property
    def news2(self) -> tuple[str, str]:
        """What the box says and how it looks."""
        if not self.scored:
            return "?", "unknown"
        if self.score is None:
            return "ej tagen", "unknown"
        small = {"ofullständig": "ofullst.", "ej för barn": "barn"}
        return small.get(self.score.number, self.score.number), self.score.look


@dataclass(frozen=True, slots=True)
class Bed:
    """A bed: its Location's id and name, who lies in it, and why nobody may where it is closed."""

    id: str
    name: str
    stay: Stay | None = None
    closed: str = ""

    @property
    def free(self) -> bool:
        return self.stay is None and not self.closed


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the ward. `unplaced` are admitted without a bed here; `unchecked` names what was not answered."""

    beds: tuple[Bed, ...] = ()
    unplaced: tuple[Stay, ...] = ()
    awaited: tuple[Stay, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def stays(self) -> list[Stay]:
        return [*(bed.stay for bed in self.beds if bed.stay), *self.unplaced]

    @property
    def free(self) -> list[Bed]:
        return [bed for bed in self.beds if bed.free]

    @property
    def metrics(self) -> list[tuple[str, str, str]]:
        """Number, words, look."""
        taken, closed = sum(bed.stay is not None for bed in self.beds), sum(bool(bed.closed) for bed in self.beds)
        raised, overdue = sum(stay.raised for stay in self.stays), sum(stay.overdue for stay in self.stays)
        unscored = any(not stay.scored for stay in self.stays)
        found = [
            (f"{taken} av {len(self.beds)}", "belagda vårdplatser", ""),
            (str(len(self.free)), "lediga" if len(self.free) != 1 else "ledig", ""),
            (str(closed), "stängda eller städas", "") if closed else ("", "", ""),
            (str(sum(stay.today for stay in self.stays)), "går hem i dag", ""),
            (str(len(self.awaited)), "väntas in", ""),
            ("?" if unscored else str(raised), "NEWS2 från 5", "unknown" if unscored else "amber" if raised else ""),
            ("?" if unscored else str(overdue), "NEWS2 försenad", "unknown" if unscored or overdue else ""),
        ]
        return [one for one in found if one[0]]
