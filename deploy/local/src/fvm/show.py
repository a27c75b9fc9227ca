"""What a person reads: progress, and where everything is."""

import errno
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from fvm.people import Someone

BOLD, DIM, RED, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[0m"


def telling() -> Callable[[str], None]:
    """A line per step, with the time of day; written at once, also into a file. A full disk stops nobody."""

    def tell(line: str) -> None:
        try:
            print(f"{_dim(time.strftime('%H:%M:%S'))}  {line}", flush=True)
        except OSError as failed:
            if failed.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    return tell


def trouble(sentence: str) -> None:
    head = f"{RED}fvm:{PLAIN}" if sys.stderr.isatty() else "fvm:"
    print(f"{head} {sentence}", file=sys.stderr, flush=True)


def doors(urls: Mapping[str, str]) -> None:
    """Where everything is."""
    print(f"\n{_bold('The region is running.')}\n", flush=True)
    table(list(urls.items()))


def crowd(people: Sequence[Someone]) -> None:
    """Who the demo people are."""
    if not people:
        return
    print(f"\n{_bold('Demo people')} (sign in at the portal, or: .venv/bin/fvm token WHO; all: fvm token --list)\n")
    shown = {one.what.partition(", ")[2] or one.who: one for one in reversed(people) if one.what}  # the first of a unit
    table([(one.who, f"{one.name} – {one.what}") for one in people if one in shown.values()])


def portal(urls: Mapping[str, str]) -> None:
    """Where to go now: the last line, so that nobody has to look for it above the people."""
    print(f"\n{_bold('Open the portal:')} {urls['portal']}\n", flush=True)


def table(rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    width = max((len(left) for left, _ in rows), default=0)
    for left, right in rows:
        print(f"{indent}{left:<{width}}  {right}", flush=True)


def _bold(text: str) -> str:
    return f"{BOLD}{text}{PLAIN}" if sys.stdout.isatty() else text


def _dim(text: str) -> str:
    return f"{DIM}{text}{PLAIN}" if sys.stdout.isatty() else text
