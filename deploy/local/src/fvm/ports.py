"""TCP ports: picked free, remembered by the region, and named with their owner when somebody else has them."""

import contextlib
import os
import random
import socket
from pathlib import Path

from fvm.trouble import Trouble


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when one could listen on the port now (a socket that is only closing does not count as taken)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def pick(taken: set[int]) -> int:
    """A free port outside `taken`, below the range from which the kernel takes ports for outgoing connections.

    Any of them by chance, so that two regions that start at the same moment do not pick the same one.
    """
    for port in random.sample(range(20000, 32000), 12000):
        if port not in taken and is_free(port):
            return port
    raise Trouble("No free TCP port between 20000 and 32000 is left on this machine.")


def settle(remembered: dict[str, int], names: tuple[str, ...], avoid: set[int]) -> dict[str, int]:
    """Keeps each name's remembered port while it is free, picks another one otherwise."""
    settled: dict[str, int] = {}
    for name in names:
        port = remembered.get(name, 0)
        used = avoid | set(settled.values())
        settled[name] = port if port and port not in used and is_free(port) else pick(used | set(remembered.values()))
    return settled


def must_be_free(port: int, variable: str, what: str, host: str = "127.0.0.1") -> None:
    """Raises Trouble that names the door, who has the port where that can be seen, and the way out."""
    if is_free(port, host):
        return
    if port < 1024 and owner(port) is None:
        raise Trouble(f"Port {port} ({what}) may not be opened by this user; choose one above 1023: {variable}=NNNN.")
    by = owner(port)
    whom = f" by {by}" if by else ""
    raise Trouble(f"Port {port} ({what}) is already taken{whom}; stop that, or choose another port: {variable}=NNNN.")


def owner(port: int) -> str | None:
    """'name (pid N)' of the process that listens on the port, as far as this user may see; else None."""
    pid = listener(port)
    return None if pid is None else f"{Path(f'/proc/{pid}/comm').read_text().strip()} (pid {pid})"


def listener(port: int) -> int | None:
    """The process that listens on this TCP port of the machine, as far as this user may see; else None."""
    inodes = _listening(port)
    folders = Path("/proc").glob("[0-9]*") if inodes else ()
    return next((int(folder.name) for folder in folders if _sockets(folder) & inodes), None)


def _sockets(process: Path) -> set[str]:
    """The sockets a process has open; none where this user may not look."""
    found = set()
    try:
        for link in os.listdir(process / "fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                found.add(os.readlink(process / "fd" / link))
    except OSError:
        pass
    return found


def _listening(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
