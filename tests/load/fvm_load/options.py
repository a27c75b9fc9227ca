"""The options of `fvm bench`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fvm_load.keeping import FOLDER

PATHS = ("idle", "import", "whole-way", "read", "create", "search", "wide", "visible", "portal", "disk", "mllp")
LONGEST = 20.0  # seconds one figure may take

ABOUT = """Measures a running demo region on this machine and prints a table; keeps it as JSON in tests/load/results/.
Without addresses it is the region of FVM_DATA. With any address given, only what is given is measured.
It writes synthetic patients and messages into the region and stops by itself."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Exits with status 2 on wrong use."""
    own = argparse.ArgumentParser(
        prog="fvm bench", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    own.add_argument("--quick", action="store_true", help="a probe: at most 3 s a figure, kept apart from results")
    own.add_argument("--only", type=_paths, metavar="A,B", help=f"some of {', '.join(PATHS)}")
    own.add_argument("--seconds", type=_seconds, default=8.0, metavar="N", help="per figure, at most 20 (default 8)")
    own.add_argument("--messages", type=int, default=10_000, metavar="N", help="HL7 messages at most (default 10000)")
    own.add_argument("--rate", type=float, default=20.0, metavar="N", help="messages/s while waiting to see an answer")
    own.add_argument("--hold", action="store_true", help="also import with the rest of the region stopped meanwhile")
    own.add_argument("--grow", type=int, metavar="N", help="first fill VIS up to N resources, by COPY (README.md)")
    own.add_argument(
        "--flame",
        type=_rows,
        nargs="?",
        const=(),
        metavar="ROW,…",
        help="flame graphs of these rows (read, search/date/staff; none named: of all measured), in results/flames/; "
        "the run is not kept, for sampling slows what it watches",
    )
    own.add_argument(
        "--log-off",
        action="store_true",
        help="import, read, create and search once more at a VIS without the access log, beside HAPI's known rates",
    )
    own.add_argument("--no-save", action="store_true", help="do not keep the result")
    own.add_argument("--results", type=Path, default=FOLDER, metavar="FOLDER", help="where results are kept")
    at = own.add_argument_group("another region, or another server", "all on this machine")
    at.add_argument("--vis", metavar="URL", help="FHIR base of VIS, directly: http://127.0.0.1:8081/vis/fhir")
    at.add_argument("--region", metavar="URL", help="FHIR base of the region's record: http://127.0.0.1:8082/fhir")
    at.add_argument("--gateway", metavar="URL", help="the gateway: http://127.0.0.1:8080")
    at.add_argument("--application", metavar="URL", help="the application platform (tokens, sign-in)")
    at.add_argument("--exchange", metavar="URL", help="the integration platform (whose CPU is counted)")
    at.add_argument("--mllp", metavar="HOST:PORT", help="HL7 v2 over MLLP")
    at.add_argument("--postgres", metavar="URL", help="PostgreSQL, as one who may read the region's databases")
    at.add_argument("--prefix", default="fvm", help="the first part of the databases' names (default fvm)")
    at.add_argument("--beside", metavar="URL", help="another FHIR server, without a token: measured in the same run")
    at.add_argument("--token", help="an access token that may do everything (default: asked of the application)")
    options = own.parse_args(arguments)
    options.only = options.only or _paths_of(options.flame or ()) or PATHS
    options.no_save = options.no_save or options.flame is not None
    return options


def _paths(text: str) -> tuple[str, ...]:
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [part for part in wanted if part not in PATHS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not one of {', '.join(PATHS)}")
    return tuple(path for path in PATHS if path in wanted)


def _rows(text: str) -> tuple[str, ...]:
    """Rows' keys, or what they begin with: a path first."""
    wanted = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    _paths(",".join(one.split("/")[0] for one in wanted))
    return wanted


def _paths_of(rows: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in PATHS if path in {one.split("/")[0] for one in rows})


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError("from 1 to 20")
    return seconds
