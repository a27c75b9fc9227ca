"""PostgreSQL refuses to run as root: then it runs as the user nobody, and whatever it must reach lies where nobody may go."""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from fvm.trouble import Trouble

NOBODY = 65534  # uid and gid on every Linux
OPEN_PLACE = Path("/var/lib/fvm")  # used only as root, and only for what lies behind a closed folder (/root is one)


def needed() -> bool:
    """True when we are root."""
    return os.geteuid() == 0


def prefix() -> tuple[str, ...]:
    """What to put before a command so that it runs as nobody; nothing for an ordinary user."""
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if needed() else ()


def give(path: Path) -> None:
    """Makes a file or folder nobody's own."""
    if needed():
        os.chown(path, NOBODY, NOBODY)


def closed(path: Path) -> Path | None:
    """The first folder on the way to `path` that nobody may not pass."""
    for above in reversed(path.resolve().parents):
        if above.exists() and not above.stat().st_mode & stat.S_IXOTH:
            return above
    return None


def place_for(folder: Path) -> Path:
    """Where the data folder `folder` really is: itself, or behind a link in an open place where nobody cannot reach it.

    Raises Trouble where data lies already that nobody cannot reach any more (a folder above was closed since).
    """
    if not needed() or folder.is_symlink() or (barrier := closed(folder)) is None:
        return folder.resolve()
    if folder.exists():
        raise Trouble(
            f"You are root, so PostgreSQL runs as the user nobody, who may not pass {barrier} on the way to {folder}; "
            f"allow it with `chmod o+x {barrier}`, or choose another FVM_DATA."
        )
    real = OPEN_PLACE / hashlib.sha256(str(folder).encode()).hexdigest()[:12] / folder.name
    real.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(real)
    return real


def remove(folder: Path) -> None:
    """Removes a data folder, also the real one behind a link of ours."""
    if folder.is_symlink():
        real = folder.resolve()
        folder.unlink()
        if real.is_relative_to(OPEN_PLACE):
            shutil.rmtree(real.parent, ignore_errors=True)
    elif folder.exists():
        shutil.rmtree(folder)


def reachable_copy(package: Path, programs: str) -> Path:
    """`package`/`programs`, or a copy of it where nobody can run them (made once per build, 40 MB).

    A wheel's own libraries lie beside the package in PACKAGE.libs and are found relative to the programs, so both are copied.
    """
    if not needed() or closed(package / programs / "bin") is None:
        return package / programs
    built = (package / programs / "bin" / "postgres").stat()
    copy = OPEN_PLACE / f"{programs}-{built.st_size}-{int(built.st_mtime)}"
    if not copy.exists():
        new = copy.with_suffix(f".{os.getpid()}")
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(package / programs, new / package.name / programs, symlinks=True)
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
        try:
            new.rename(copy)
        except OSError:  # another runner was first
            shutil.rmtree(new)
    return copy / package.name / programs
