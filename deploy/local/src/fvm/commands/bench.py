"""`fvm bench`: measures a running demo region (the measurements themselves are in tests/load)."""

import argparse
import os
import sys
from typing import Any

from fvm.places import checkout
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("bench", help="measure a running demo region", description=__doc__)
    own.add_argument("more", nargs=argparse.REMAINDER, metavar="...", help="given to the bench as it is")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    bench = checkout() / "tests" / "load" / "bench.py"
    if not bench.exists():
        raise Trouble("This checkout has no tests/load/bench.py.")
    os.execv(sys.executable, [sys.executable, str(bench), *chosen.more])  # noqa: S606 - it takes our place
