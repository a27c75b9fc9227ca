"""What /proc tells about a process and its children."""

from pathlib import Path


def memory(pid: int, *, alone: bool = False) -> float:
    """Proportional set size of the process and, unless `alone`, all its descendants, in MB (10^6 bytes)."""
    below = [] if alone else descendants(pid)
    return sum(pss(one) for one in (pid, *below)) * 1024 / 1_000_000


def pss(pid: int) -> int:
    """Proportional set size in kB; 0 where it is gone or another user's."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def descendants(pid: int) -> list[int]:
    """The children of the process, and theirs."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, ahead = [], [pid]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found
