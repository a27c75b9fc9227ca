"""What /proc tells about the region's processes: CPU seconds, memory, who listens where (proc(5))."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fvm.proc import descendants, pss

_TICK = 1 / os.sysconf("SC_CLK_TCK")

Pids = Callable[[], Sequence[int]]


class Watch:
    """The CPU seconds of named groups of processes, and of the load generator (this process and its children)."""

    def __init__(self, groups: Mapping[str, Pids]) -> None:
        self.groups = groups

    def now(self) -> dict[int | str, tuple[str, float]]:
        """By pid: its group and the CPU seconds it has used so far."""
        found: dict[int | str, tuple[str, float]] = {}
        for name, pids in self.groups.items():
            for pid in pids():
                found[pid] = (name, cpu_seconds(pid))
        own = os.times()
        found["generator"] = ("generator", own.user + own.system + own.children_user + own.children_system)
        return found

    def since(self, before: Mapping[int | str, tuple[str, float]]) -> dict[str, float]:
        """CPU seconds of each group since `before`; a process begun meanwhile counts whole."""
        used: dict[str, float] = {}
        for pid, (name, seconds) in self.now().items():
            used[name] = used.get(name, 0.0) + max(0.0, seconds - before.get(pid, (name, 0.0))[1])
        return used

    def memory(self) -> dict[str, float]:
        """Proportional set size of each group in MB (10^6 bytes)."""
        return {name: sum(map(pss, pids())) * 1024 / 1e6 for name, pids in self.groups.items()}


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK


def with_children(root: int, keep: Callable[[int], bool] = lambda _: True) -> list[int]:
    """The process and its descendants that `keep` wants."""
    return [pid for pid in (root, *descendants(root)) if keep(pid)]


def title(pid: int) -> str:
    """What `ps` shows of it; PostgreSQL writes the database's name there."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
