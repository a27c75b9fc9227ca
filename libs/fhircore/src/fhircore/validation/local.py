"""References inside one resource: `#id` and the resources contained in it, for the fast test (http://hl7.org/fhir/R4/references.html#contained).

While a resource that contains others is tested, each `#id` that is met is noted with the types it may point to;
afterwards every note must have found its contained resource, and every contained resource its note. One note pad per
thread, put back after nested resources.
"""

import threading
from collections.abc import Callable
from typing import Any

Targets = frozenset[str]


class _Pad(threading.local):
    notes: list[tuple[str, Targets]] | None = None


_pad = _Pad()


def note(reference: str, allowed: Targets) -> bool:
    """Remember a `#id` for the resource being tested; false when it contains nothing, so that the walk has to tell."""
    if _pad.notes is None:
        return False
    _pad.notes.append((reference[1:], allowed))
    return True


def self_contained(resource: dict[str, Any], test: Callable[[Any], Any]) -> bool:
    """The test of the resource, and that its `#id` and its contained resources fit together."""
    outer, _pad.notes = _pad.notes, [] if "contained" in resource else None
    try:
        if not test(resource):
            return False
        return _pad.notes is None or _fits(_pad.notes, resource["contained"])
    finally:
        _pad.notes = outer


def contained_test(test_of: Callable[[str], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The test of one contained resource: dom-2, dom-4 and dom-5 hold and it is right in itself."""

    def check(resource: Any) -> Any:
        if "contained" in resource:
            return False
        meta = resource.get("meta")
        if meta and ("versionId" in meta or "lastUpdated" in meta or "security" in meta):
            return False
        return test_of(resource["resourceType"])(resource)

    return check


def _fits(notes: list[tuple[str, Targets]], contained: list[dict[str, Any]]) -> bool:
    types = {one["id"]: one["resourceType"] for one in contained}
    if len(types) != len(contained) or types.keys() != {name for name, _ in notes}:
        return False
    return all(types[name] in allowed for name, allowed in notes)
