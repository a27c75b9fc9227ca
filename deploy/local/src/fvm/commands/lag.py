"""`fvm lag`: how far every topic and every step is behind."""

import argparse
import json
from typing import Any

from fvm.asking import Services
from fvm.settings import from_environment
from fvm.topics import SILENT


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "lag",
        help="how far every topic and every step is behind; exit status 3 where that cannot be told",
        description="How old the outboxes are, how far each reader is behind Kafka, what waits with its key, what is "
        "parked, the translator's queue, and when the access log was last written.",
    )
    own.add_argument("--json", action="store_true", help="for programs: everything, by service and partition")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    lags = Services(from_environment()).lags()
    if chosen.json:
        print(json.dumps(lags, indent=1))
    else:
        for line in report(lags):
            print(line)
    known = all(lag is not None and lag["kafka"] and not _lost(lag) for lag in lags.values())
    return 0 if known else 3


def report(lags: dict[str, Any]) -> list[str]:
    """The figures as lines for people."""
    here = {name: lag for name, lag in lags.items() if lag is not None}
    lines = [f"{name} does not answer" for name, lag in lags.items() if lag is None]
    lines += ["Told, not yet at Kafka"]
    for name, lag in here.items():
        for told in lag["outbox"]:
            lines.append(
                f"  {name:<12} {told['topic']:<32} {told['messages']:>8}  oldest {age(told['oldest_seconds'])}"
            )
    if not any(lag["outbox"] for lag in here.values()):
        lines.append("  nothing")
    lines += [f"At Kafka, not yet read {'':<24} behind   read/min   told/min"]
    for lag in here.values():
        lines += [_arrow(arrow, lag["kafka"], lag["kafka_why"]) for arrow in lag["arrows"]]
        lines += [f"  POSITION LOST: {one['reader']} {one['topic']}/{one['partition']}" for one in _lost(lag)]
    lines += _set_aside(here)
    lines += [f"{name}: the database's disk is full" for name, lag in here.items() if lag["full"]]
    lines += ["Steps"]
    for name, lag in here.items():
        lines += [f"  {name:<12} {_step(step)}" for step in lag["steps"]]
    return lines


def _arrow(arrow: dict[str, Any], kafka: bool, why: str) -> str:
    behind = "?" if arrow["behind"] is None else arrow["behind"]
    words = "" if kafka else f"  {SILENT.get(why, SILENT['away'])}"
    rates = [f"{arrow[name]:>9.0f}" if arrow[name] is not None else f"{'?':>9}" for name in _RATES]
    return f"  {arrow['reader']:<21}{arrow['topic']:<32}{behind:>6}  {rates[0]}  {rates[1]}{words}"


_RATES = ("read_per_minute", "told_per_minute")


def _set_aside(here: dict[str, Any]) -> list[str]:
    lines = ["Waits with its key, tried again by itself"]
    for lag in here.values():
        for one in lag["waiting"]:
            why = "; ".join(one["errors"]) or "replayed"
            lines.append(
                f"  {one['reader']:<21}{one['topic']:<32}{one['messages']:>6} of {one['keys']} keys, oldest "
                f"{age(one['oldest_seconds'])}, next in {age(one['next_seconds'])}: {why}"
            )
    lines += [] if any(lag["waiting"] for lag in here.values()) else ["  nothing"]
    lines += ["Parked, waits for you (fvm parked)"]
    for lag in here.values():
        for one in lag["parked"]:
            where = f"  {one['reader']:<21}{one['topic']:<32}"
            lines.append(f"{where}{one['messages']:>6}  {one['code']}, oldest {age(one['oldest_seconds'])}")
        for step in lag["steps"]:
            if step["parked"]:
                what = "batches that do not follow" if "alarm" in step["name"] else "messages of systems"
                lines.append(f"  {step['name']:<21}{what:<32}{step['parked']:>6}")
    return lines if _parked(here) else [*lines, "  nothing"]


def _parked(here: dict[str, Any]) -> bool:
    return any(lag["parked"] or any(step["parked"] for step in lag["steps"]) for lag in here.values())


def _step(step: dict[str, Any]) -> str:
    words = [f"{step['name']:<20}"]
    if step["oldest_seconds"] is not None or step["name"] == "translator":
        oldest = f", oldest {age(step['oldest_seconds'])}" if step["oldest_seconds"] is not None else ""
        words.append(f"{step['waiting']} wait{oldest}")
    if step["per_minute"] is not None:
        words.append(f"{step['per_minute']:.0f} a minute")
    if step["newest_seconds"] is not None:
        words.append(f"newest {age(step['newest_seconds'])} ago")
    words += [f"{step['warned']} taken with a warning in the last 24 hours"] if step.get("warned") else []
    words += [f"turned away in the last minute: {count} ({why})" for why, count in step["turned_away"].items()]
    if step["newest_seconds"] is None and step["name"] == "access log":
        words.append("nothing was read yet")
    return "  ".join(words)


def age(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5 h`, `2 days`."""
    if seconds is None:
        return "?"
    seconds = max(0.0, seconds)  # clocks that were set back make what has just come seem to lie ahead
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def _lost(lag: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in lag["readings"] if one["lost"]]
