"""Watches a running region: a part that dies is started again, later each time, and it is said."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fvm.part import Running
from fvm.region import Region, Tell
from fvm.trouble import Trouble

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
WELL_AFTER = 60.0  # a part that has lived this long since its last start begins again with the first pause


@dataclass(slots=True)
class Illness:
    """How a part has been lately; `due` is when it is to be started again."""

    pause: float = FIRST_PAUSE
    due: float = 0.0


@dataclass(slots=True)
class Watch:
    """Looks at all parts of a region each time `look` is called (a few times a second)."""

    region: Region
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    ill: dict[str, Illness] = field(default_factory=dict)

    def look(self) -> None:
        for place, running in enumerate(self.region.running):
            status = running.exited()
            if status is None:
                running.remember()
                continue
            name = running.part.name
            if name not in self.ill or not self.ill[name].due:
                self._fell(running, status)
            elif self.clock() >= self.ill[name].due:
                self._again(place, running)

    def _again(self, place: int, running: Running) -> None:
        illness = self.ill[running.part.name]
        try:
            self.region.running[place] = self.region.again(running)
        except (OSError, Trouble) as failed:  # a full disk, no memory: the others go on, and it is tried again
            illness.due = self.clock() + illness.pause
            self.tell(f"{running.part.name} could not be started again ({failed}); next try in {illness.pause:g} s")
            return
        illness.due = 0.0
        self.tell(f"{running.part.name} was started again (pid {self.region.running[place].pid})")

    def _fell(self, running: Running, status: int) -> None:
        illness = self.ill.setdefault(running.part.name, Illness())
        if self.clock() - running.since > WELL_AFTER:
            illness.pause = FIRST_PAUSE
        illness.due = self.clock() + illness.pause
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self.tell(f"{running.part.name} {how}; it is started again in {illness.pause:g} s (see {running.log})")
        illness.pause = min(illness.pause * 2, LONGEST_PAUSE)
