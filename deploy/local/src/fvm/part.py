"""One program that a region consists of: how to start it, know it again, and stop it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fvm import pids
from fvm.trouble import Trouble

ROTATE_AT = 20_000_000  # bytes; a log larger than this is put aside when its program starts


@dataclass(frozen=True, slots=True)
class Part:
    """What to run. `stop` is the signal of a kind stop, `patience` how many seconds it may take."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stop: int = signal.SIGTERM
    patience: float = 10.0
    cwd: Path | None = None


class Running:
    """A started part. Its output goes to `logs`/NAME.log, its pid to `run`/NAME.pid."""

    def __init__(self, part: Part, logs: Path, run: Path) -> None:
        self.part = part
        self.log = logs / f"{part.name}.log"
        self._run = run
        logs.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        with self.log.open("ab") as out:
            self._began = out.tell()
            # A session of its own: Ctrl-C in the terminal reaches the runner only, which then stops the parts in order.
            try:
                self._process = subprocess.Popen(
                    part.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=part.env or None,
                    cwd=part.cwd,
                    start_new_session=True,
                )
            except OSError as refused:
                raise Trouble(f"{part.name} could not be started ({part.command[0]}: {refused.strerror}).") from refused
        self.since = time.monotonic()
        self._remembered = False
        self.remember()

    @property
    def pid(self) -> int:
        return self._process.pid

    def remember(self) -> None:
        """Writes its pid file; on a full disk it runs without one, and whoever watches tries again."""
        if self._remembered:
            return
        with contextlib.suppress(ProcessLookupError, OSError):  # died at once: `exited` tells, and its log tells why
            pids.write(self._run, pids.know(self.part.name, self._process.pid, self.part.stop))
            self._remembered = True

    def exited(self) -> int | None:
        """The exit status once it has ended (negative: the signal), else None."""
        return self._process.poll()

    def end(self) -> None:
        """Stops it kindly, after its patience by force, and forgets its pid file."""
        if self.exited() is None:
            self._process.send_signal(self.part.stop)
            try:
                self._process.wait(self.part.patience)
            except subprocess.TimeoutExpired:
                self.kill()
        pids.forget(self._run, self.part.name)

    def kill(self) -> None:
        """Stops it now (with what it started itself)."""
        if self.exited() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()
            self._process.wait(5)

    def last_words(self, lines: int = 8) -> str:
        """The end of what it wrote since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return "\n".join(log.read()[-4000:].decode(errors="replace").strip().splitlines()[-lines:])

    def wait_until(
        self, ready: Callable[[], bool], seconds: float, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Polls `ready`; raises Trouble when the program ends first, when time is up, and Stopped when told to stop."""
        until = self.since + seconds
        pause = 0.03
        while not ready():
            if stopping():
                raise Stopped
            if (status := self.exited()) is not None:
                raise Trouble(
                    f"{self.part.name} ended with status {status} while starting:\n{_indented(self.last_words())}"
                )
            if time.monotonic() > until:
                raise Trouble(f"{self.part.name} was not ready within {seconds:.0f} s; see {self.log}")
            time.sleep(pause)
            pause = min(pause * 1.2, 0.25)


class Stopped(Exception):
    """Somebody asked the runner to stop while it was waiting."""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()) or "    (it wrote nothing)"


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > ROTATE_AT:
        log.replace(log.with_suffix(".log.1"))
