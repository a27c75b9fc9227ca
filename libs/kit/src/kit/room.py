"""A database whose disk is full: told apart from one that is away, and remembered for a while so that operators hear of it."""

import time

import asyncpg
from prometheus_client import Gauge

from kit.problems import Kind, Problem

FULL = Gauge("database_full", "1 while the database lately said that its disk is full")
_REMEMBERED = 20.0  # seconds; the loops that write meet it again sooner
_CAUSES = 5  # errors looked at behind an error: drivers are wrapped by those who use them

_last = float("-inf")


class NoRoom(Problem):
    """The database's disk is full: nothing can be stored until somebody makes room. What was stored is whole."""

    kind = Kind.UNAVAILABLE
    code = "kit/no-room"
    title = "The database has no room left; nothing more can be stored just now"


def noticed(error: BaseException) -> bool:
    """Whether this says that the database's disk is full; if so it is remembered."""
    global _last
    seen: BaseException | None = error
    for _ in range(_CAUSES):
        if isinstance(seen, asyncpg.DiskFullError):
            _last = time.monotonic()
            return True
        if seen is None:
            break
        seen = getattr(seen, "orig", None) or seen.__cause__
    return False


def full() -> bool:
    """Whether it was noticed a moment ago in this process; sets the gauge."""
    found = time.monotonic() - _last < _REMEMBERED
    FULL.set(found)
    return found
