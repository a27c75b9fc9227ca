"""`fvm bench`: measures a running demo region (the measurements themselves are in tests/load)."""

import argparse
import subprocess
import sys
from typing import Any

from fvm.places import checkout
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    # The suite has options of its own (and its own --help): with no prefix character here, all of them reach it.
    own = verbs.add_parser(
        "bench", help="measure a running demo region (fvm bench --help)", prefix_chars="\0", add_help=False
    )
    own.add_argument("more", nargs="*")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    suite = checkout() / "tests" / "load" / "bench.py"
    if not suite.exists():
        raise Trouble(f"{suite} is not there; the measurements come with a checkout, not with the installed package.")
    return subprocess.run([sys.executable, str(suite), *chosen.more], check=False).returncode
