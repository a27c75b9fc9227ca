"""The table a person reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from fvm_load.rows import Budget, Row, meets
from fvm_load.stats import change

HEAD = ("path", "measured", "first target", "house", "p50 / p99 ms", "law", "log", "last run")
_UNITS = {"resources/s": "res/s", "requests/s": "req/s", "messages/s": "msg/s"}


def number(value: float | None) -> str:
    """Three figures or so: 12,345 · 123 · 12.3 · 0.123."""
    if value is None:
        return "–"
    size = abs(value)
    decimals = 0 if size >= 100 or value == 0 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def goal(value: float | None, wanted: float | None, budget: Budget) -> str:
    """`≥ 8,000 ✓` or `≤ 0.2 ✗`."""
    if wanted is None:
        return ""
    sign = "≥" if budget.better == "more" else "≤"
    mark = {True: " ✓", False: " ✗", None: ""}[meets(value, wanted, budget.better)]
    return f"{sign} {number(wanted)}{mark}"


def spread(row: Row) -> str:
    """`1.2 / 3.4`, with the p99 marked where it has a budget; the p95 instead where that has one."""
    if row.spread is None:
        return ""
    if row.budget.p95 is not None:
        mark = {True: " ✓", False: " ✗", None: ""}[meets(row.spread.p95, row.budget.p95, "less")]
        return f"{number(row.spread.p50)} / p95 {number(row.spread.p95)}{mark}"
    mark = {True: " ✓", False: " ✗", None: ""}[meets(row.spread.p99, row.budget.p99, "less")]
    return f"{number(row.spread.p50)} / {number(row.spread.p99)}{mark}"


def cells(row: Row, last: Mapping[str, Any] | None) -> tuple[str, ...]:
    """One line. A row without a value says why instead."""
    if row.value is None:
        return (row.path, row.note)
    grown = change(row.value, last["value"] if last else None)
    budget = row.budget
    return (
        row.path,
        f"{number(row.value)} {_UNITS.get(row.unit, row.unit)}",
        goal(row.value, budget.first, budget),
        goal(row.value, budget.later, budget),
        spread(row),
        row.law,
        row.log,
        "" if grown is None else f"{grown:+.0%}",
    )


def table(rows: Sequence[Row], before: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The figures, one line each."""
    lines = [HEAD, *(cells(row, before.get(row.key)) for row in rows)]
    full = [line for line in lines if len(line) == len(HEAD)]
    widths = [max(len(line[place]) for line in full) for place in range(len(HEAD))]
    widths[0] = max(len(line[0]) for line in lines)
    return [_line(line, widths) for line in lines]


def _line(line: Sequence[str], widths: Sequence[int]) -> str:
    if len(line) < len(widths):
        return f"{line[0]:<{widths[0]}}  {'  '.join(line[1:])}"
    right = {1, 2, 3, 4, 7}
    return "  ".join(
        text.rjust(width) if place in right else text.ljust(width)
        for place, (text, width) in enumerate(zip(line, widths, strict=True))
    ).rstrip()


def sizes(found: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """The same figures at each size that a store was grown to, side by side; nothing where there is but one size."""
    if len(found) < 2:
        return []
    paths = {key: f"{row['path']} {row['law']}".strip() for rows in found.values() for key, row in rows.items()}
    head = ("at this many resources", *(f"{size:,}" for size in found), "unit")
    lines = [
        (path, *(_at(rows.get(key)) for rows in found.values()),
         next(rows[key]["unit"] for rows in found.values() if key in rows))
        for key, path in paths.items()
    ]  # fmt: skip
    widths = [max(len(line[place]) for line in (head, *lines)) for place in range(len(head))]
    last = len(head) - 1
    return [
        "  ".join(text.ljust(width) if place in (0, last) else text.rjust(width) for place, (text, width) in pairs)
        for pairs in (list(enumerate(zip(line, widths, strict=True))) for line in (head, *lines))
    ]


def _at(row: Mapping[str, Any] | None) -> str:
    """The figure, with the slowest hundredth where there is one; in a budget of the slowest twentieth that."""
    if row is None:
        return "–"
    spread, goal = row.get("spread"), row.get("budget", {})
    name = "p95" if goal.get("p95_ms") else "p99"
    if not spread or spread.get(name) is None:
        return number(row["value"])
    return f"{number(row['value'])} ({name} {number(spread[name])} ms)"


def costs(rows: Sequence[Row]) -> list[str]:
    """CPU µs per item and process: the solid number on a machine that others use too."""
    told = [row for row in rows if row.cpu]
    if not told:
        return []
    names = sorted({name for row in told for name in row.cpu}, key=lambda name: (name == "generator", name))
    head = ("CPU µs per item, above rest", *names)
    lines = [head, *((row.name, *(number(row.cpu.get(name)) for name in names)) for row in told)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return [
        "  ".join(text.rjust(width) if place else text.ljust(width) for place, (text, width) in enumerate(pairs))
        for pairs in ([*zip(line, widths, strict=True)] for line in lines)
    ]


def notes(rows: Sequence[Row]) -> list[str]:
    """What should be known beside the figures: answers by status, and remarks."""
    lines = []
    for row in rows:
        plain = set(row.statuses) <= {"200", "201", "AA"}
        parts = [] if plain else [f"{count:,} × {status}" for status, count in sorted(row.statuses.items())]
        parts += [row.note] if row.note and row.value is not None else []
        if parts:
            lines.append(f"{row.name}: {'; '.join(parts)}")
    return lines
