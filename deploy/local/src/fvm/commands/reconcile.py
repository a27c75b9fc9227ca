"""`fvm reconcile`: every source against the region's record, by count and content per type and patient."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from fvm import show
from fvm.asking import Services
from fvm.comparing import Compared, Comparison, counted
from fvm.settings import from_environment

_SHOWN = 40  # differences that are listed


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "reconcile",
        help="every source against the region's record; exit status 1 where they differ",
        description="Compares what VIS and Exchange have told with the region's record: count and content of each type "
        "and patient, equal apart from id, meta and references to patients. Nothing is changed. What is on its way while "
        "it looks is looked at again. `fvm resend` sends the difference.",
    )
    own.add_argument("--json", action="store_true", help="for programs: counts by type, and every difference")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    quiet = (lambda _line: None) if chosen.json else show.telling()
    found = Comparison(Services(from_environment()), quiet).run()
    if chosen.json:
        print(json.dumps(asdict(found), indent=1))
    else:
        for line in report(found):
            print(line)
    return 1 if found.differences else 0


def report(found: Compared) -> list[str]:
    """The comparison as lines for people."""
    lines = [f"\n{'type':<28}{'sources':>10}{'region':>10}"]
    lines += [f"{name:<28}{told:>10,}{there:>10,}" for name, (told, there) in found.types.items()]
    if not found.differences:
        return [*lines, "\nThe region's record says what its sources say."]
    counts = ", ".join(f"{count} {kind}" for kind, count in counted(found.differences).items())
    lines.append(f"\nDifferences: {counts}")
    for one in found.differences[:_SHOWN]:
        versions = f"{one.source} has version {one.version}" if one.source else "no source has it"
        there = f", the region version {one.region}" if one.region is not None else ""
        lines.append(f"  {one.kind:<20} {one.type}/{one.id}: {versions}{there}")
    if len(found.differences) > _SHOWN:
        lines.append(f"  … and {len(found.differences) - _SHOWN} more (--json shows all)")
    return [*lines, "\n`fvm resend` tells the region again what differs or is missing."]
