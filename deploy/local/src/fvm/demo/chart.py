"""A patient's record while it is being written: every fact remembers the unit and the colleague it belongs to \
(pure)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from uuid import UUID, uuid5

from fvm.demo.desk import Desk
from fvm.demo.facts import Fact, LabAnswer, Referred
from fvm.demo.persons import Person
from fvm.demo.staff import Resource
from fvm.demo.values import weekday

_NAMESPACE = UUID("5a4c3d52-0f9b-5c1e-8a61-7f6f3c2b9d10")  # of the demo's facts, for ever


@dataclass(slots=True)
class Chart:
    """All facts of one person. `rng` makes the same choices for the same person each time."""

    person: Person
    today: date
    seed: int
    facts: list[Fact] = field(default_factory=list)
    answers: list[LabAnswer] = field(default_factory=list)  # told by the laboratory, not by VIS
    referrals: list[Referred] = field(default_factory=list)  # sent by the operations of VIS, not written
    home_values: list[Resource] = field(default_factory=list)  # told by the municipality's system as events
    salt: str = ""  # makes the ids of what is added later different from those before
    rng: Random = field(init=False)
    _ids: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.seed}/{self.person.key}/story")  # noqa: S311 - invented, the same each time

    @property
    def subject(self) -> dict[str, str]:
        return {"reference": f"Patient/{self.person.id}"}

    @property
    def age(self) -> int:
        return (self.today - self.person.born).days // 365

    @property
    def is_woman(self) -> bool:
        return self.person.sex == "female"

    def new_id(self, kind: str) -> str:
        self._ids[kind] += 1
        return str(uuid5(_NAMESPACE, f"{self.seed}/{self.person.id}/{kind}/{self.salt}{self._ids[kind]}"))

    def ago(self, *, years: float = 0, days: int = 0) -> date:
        """A working day so long ago, moved by up to a fortnight when it is years, never before birth."""
        back = int(years * 365.25) + days
        moved = self.rng.randint(-14, 14) if back > 60 else 0
        return max(weekday(self.today - timedelta(days=back + moved)), self.person.born)

    def about(self, value: float, spread: float, decimals: int = 0) -> float:
        """The value, a little different each time."""
        found = round(self.rng.gauss(value, spread), decimals)
        return found if decimals else int(found)

    def at(self, unit: str) -> Desk:
        """The unit's desk, from which facts are written."""
        return Desk(self, unit)
