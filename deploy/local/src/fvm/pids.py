"""Pid files that survive a crash: a process is known by its pid and its start time, so no stranger is ever stopped."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Known:
    """A process that we started. `started` is in clock ticks since boot, `boot` the boot it belongs to."""

    name: str
    pid: int
    started: int
    boot: str
    stop: int = signal.SIGTERM


def know(name: str, pid: int, stop: int = signal.SIGTERM) -> Known:
    """Describes a running process; raises ProcessLookupError when it is gone."""
    started = _started(pid)
    if started is None:
        raise ProcessLookupError(pid)
    return Known(name, pid, started, _boot(), stop)


def write(folder: Path, known: Known) -> None:
    """Remembers a process; the file is whole or absent."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{known.name}.pid"
    new.write_text(json.dumps(asdict(known)))
    new.replace(folder / f"{known.name}.pid")


def read(folder: Path) -> list[Known]:
    """The processes remembered in a folder, alive or not; an unreadable file counts as absent."""
    found = []
    for file in sorted(folder.glob("[!.]*.pid")):
        try:
            found.append(Known(**json.loads(file.read_text())))
        except (ValueError, TypeError, OSError):
            continue
    return found


def forget(folder: Path, name: str) -> None:
    (folder / f"{name}.pid").unlink(missing_ok=True)


def alive(known: Known) -> bool:
    """True while this very process lives (same boot, same start time, not a zombie)."""
    return known.boot == _boot() and _started(known.pid) == known.started


def end(known: Known, patience: float = 10.0) -> bool:
    """Stops the process kindly, then by force; True when it was ours and alive. Blocks at most `patience` + 5 s."""
    if not alive(known):
        return False
    for sign, seconds in ((known.stop, patience), (signal.SIGKILL, 5.0)):
        try:
            os.kill(known.pid, sign)
        except ProcessLookupError:
            return True
        if _gone(known, seconds):
            return True
    return True


def _gone(known: Known, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not alive(known):
            return True
        time.sleep(0.05)
    return False


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None when there is no such process or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
