"""`fvm resend`: what differs or is missing in the region's record is told once more, through the outbox of its source."""

import argparse
from typing import Any

from fvm import show
from fvm.asking import Services
from fvm.commands.reconcile import report
from fvm.comparing import Comparison, Difference
from fvm.settings import from_environment

_AT_ONCE = 1_000  # resources of one call


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "resend",
        help="tell the region again what `fvm reconcile` finds to differ; with --yes",
        description="Compares as `fvm reconcile` does, then has each source tell the current versions of what is missing "
        "or differs, and the deletions of what it no longer has. A newer version in the region is never overwritten. "
        "Without --yes it says what it would send.",
    )
    own.add_argument("--yes", action="store_true", help="do it")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    services = Services(from_environment())
    found = Comparison(services, show.telling()).run()
    for line in report(found)[:-1] if found.differences else report(found):
        print(line)
    if not found.differences:
        return 0
    at_vis = [(one.type, one.id) for one in found.differences if one.source in ("vis", "")]
    messages = sorted({one.version for one in found.differences if one.source == "exchange"})
    if not chosen.yes:
        print(
            f"\nVIS would be asked for {len(at_vis)} resources and Exchange for {len(messages)} messages; --yes does it."
        )
        return 0
    for line in send(services, at_vis, messages):
        print(line)
    left = [one for one in found.differences if not one.source]
    for line in _left(left):
        print(line)
    return 0


def send(services: Services, at_vis: list[tuple[str, str]], messages: list[int]) -> list[str]:
    """Has the sources tell; returns what they said of it."""
    told = deletions = again = 0
    for start in range(0, len(at_vis), _AT_ONCE):
        done = services.post("vis", "/resend", {"of": at_vis[start : start + _AT_ONCE]}, timeout=120)
        told, deletions = told + done["told"], deletions + done["deletions"]
    for start in range(0, len(messages), _AT_ONCE):
        again += services.post("exchange", "/resend", {"of": messages[start : start + _AT_ONCE]}, timeout=120)["told"]
    return [
        f"\nVIS tells {told} resources and {deletions} deletions, Exchange tells {again} messages once more.",
        "`fvm lag` shows when they have arrived; then `fvm reconcile` again.",
    ]


def _left(left: list[Difference]) -> list[str]:
    if not left:
        return []
    return [f"{len(left)} resources were only in the region; those that VIS has deleted are being deleted there too."]
