"""Members of a resource that met a profile are remembered by their content: codes, categories and times come again and again.

Only what can be judged by itself is remembered: no rule that looks around (`%resource`, `resolve()`), no profile of its own,
no reference to a contained resource. What did not pass is looked at each time, so that it is told each time.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from fhircore.fhirpath.model import Node, entries
from fhircore.profiles.findings import Findings
from fhircore.profiles.tree import Spot
from fhircore.validation.definitions import resource_types

Check = Callable[[Node, Findings], None]

_LONGEST = 1_000  # bytes of a content that is remembered
_MOST = 5_000  # contents remembered of one member in one profile
_encode = msgspec.json.Encoder().encode


def remembered(check: Check, spot: Spot, owner: str) -> Check:
    """The check, on a resource of type `owner`, of its member `spot`: the same, made once for equal contents."""
    names = entries(owner, spot.name.removesuffix("[x]"))
    if owner not in resource_types() or not names or not _by_itself(spot):
        return check
    keys, under = tuple(one.key for one in names), frozenset(one.under for one in names)
    passed: set[tuple[str, bytes]] = set()

    def once(found: Node, out: Findings) -> None:
        value = found.value
        here = [key for key in keys if key in value]
        if len(here) != 1 or found.type != owner or not under.isdisjoint(value):
            return check(found, out)
        known = here[0], _written(value[here[0]])
        if known in passed:
            return None
        before = len(out.issues)
        check(found, out)
        if len(out.issues) == before and 0 < len(known[1]) <= _LONGEST and b'"#' not in known[1]:
            if len(passed) >= _MOST:
                passed.clear()
            passed.add(known)
        return None

    return once


def _written(content: Any) -> bytes:
    """The content as JSON; nothing where it cannot be written."""
    try:
        return _encode(content)
    except (OverflowError, ValueError, TypeError, RecursionError):
        return b""


def _by_itself(spot: Spot) -> bool:
    """Whether what is asked of this element, and below it, is answered by its content alone."""
    if any("%" in rule.expression or "resolve" in rule.expression for rule in spot.constraints.values()):
        return False
    if any(rule.profiles for rule in spot.types or ()):
        return False
    if spot.slicing is not None and any("resolve" in path for _, path in spot.slicing.discriminators):
        return False
    return all(_by_itself(one) for one in (*spot.children.values(), *spot.slices.values()))
