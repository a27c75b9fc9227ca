"""What every path of a run is given: whom to measure, with which tokens, and how to watch."""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fvm_load.flames import Flames
from fvm_load.ledger import Ledger
from fvm_load.processes import Watch
from fvm_load.rows import Row
from fvm_load.target import Target
from fvm_load.tokens import Tokens

_CALM = 0.25  # cores that a region at rest may use in all
_LOOK = 0.5  # seconds


@dataclass(slots=True)
class Bench:
    """One run. `tell` says what goes on."""

    target: Target
    options: argparse.Namespace
    tokens: Tokens
    ledger: Ledger
    watch: Watch
    tell: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)
    flames: Flames | None = None
    resting: dict[str, float] = field(default_factory=dict)  # cores each process uses when nobody asks anything

    def seconds(self, most: float) -> float:
        """How long a figure is measured: `most`, the option's limit, and for a probe 3 s at most."""
        return float(min(most, self.options.seconds, 3.0 if self.options.quick else most))

    def short(self) -> float:
        """The same for figures that come in long rows."""
        return 1.0 if self.options.quick else self.seconds(5.0)

    async def rest(self) -> None:
        """Learns what the region uses at rest, so that figures can be told without it."""
        if not await self.settle():
            return
        before, seconds = self.watch.now(), 1.0 if self.options.quick else 3.0
        await asyncio.sleep(seconds)
        used = self.watch.since(before)
        self.resting = {name: cpu / seconds for name, cpu in used.items() if name != "generator"}

    async def settle(self, patience: float = 90.0) -> bool:
        """Waits until the region rests: little CPU used and nothing on its way. False when it does not in time."""
        until = time.monotonic() + (patience / 4 if self.options.quick else patience)
        told = False
        while time.monotonic() < until:
            before = self.watch.now()
            await asyncio.sleep(_LOOK)
            used = self.watch.since(before)
            busy = sum(seconds for name, seconds in used.items() if name != "generator") / _LOOK
            if busy < _CALM and not await self.ledger.waiting():
                return True
            if not told:
                self.tell("waiting until the region has caught up")
                told = True
        return False


@dataclass(slots=True)
class Meter:
    """CPU and log between two moments, and flames where they are wanted. `key`: the row's."""

    bench: Bench
    key: str
    service: str = ""  # whose log is looked at
    _began: float = 0.0
    _cpu: dict[int | str, tuple[str, float]] = field(default_factory=dict)
    _log: int | None = None

    async def start(self) -> None:
        self._log = await self.bench.ledger.logged(self.service)
        if self.bench.flames is not None:
            self.bench.flames.begin(self.key, self.bench.watch.groups)
        self._began = time.monotonic()
        self._cpu = self.bench.watch.now()

    def cpu(self) -> dict[str, float]:
        """CPU seconds by process since the start, without what it uses at rest. Ends the flames."""
        seconds, resting = time.monotonic() - self._began, self.bench.resting
        used = self.bench.watch.since(self._cpu)
        if self.bench.flames is not None:
            self.bench.flames.end()
        return {name: max(0.0, cpu - seconds * resting.get(name, 0.0)) for name, cpu in used.items()}

    async def log(self, requests: int) -> str:
        """`on` when at least nine of ten requests left a row, `off` when none did, `?` where the log cannot be seen."""
        now = await self.bench.ledger.logged(self.service)
        if now is None or self._log is None:
            return "?"
        grown = now - self._log
        return "off" if grown == 0 else "on" if grown >= 0.9 * requests else f"on ({grown / requests:.0%})"
