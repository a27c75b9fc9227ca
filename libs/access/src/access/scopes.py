"""SMART scopes, v1 and v2: how far a token reaches for one type and one interaction, its filters included.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(.+))?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Way:
    """One scope that reaches the type. `patient`: only what is about the patient in context. `query`: only what this search
    (`category=laboratory&status=final`, all of it) finds; empty: no filter."""

    patient: bool
    query: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """The union of all scopes: a resource is reached when one of the ways leads to it; no ways, nothing."""

    ways: tuple[Way, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ways)

    @property
    def whole(self) -> bool:
        """Everything of the type, as far as the law lets the caller see it: nothing has to be asked besides."""
        return any(not way.patient and not way.query for way in self.ways)

    @property
    def unfiltered(self) -> bool:
        """Everything of the type, or everything of it about the patient in context."""
        return any(not way.query for way in self.ways)


_NOWHERE = Reach()


@lru_cache(maxsize=4096)
def reach(scopes: frozenset[str], type_name: str, action: str) -> Reach:
    """How far the scopes reach for `action` (one of c, r, u, d, s) on a type.

    A way that another one contains is left out: `user/Observation.rs` makes `user/Observation.rs?category=laboratory` and
    `patient/Observation.rs` say nothing more. `system` and `user` scopes are limited by the law alone.
    """
    found: dict[Way, None] = {}
    for scope in sorted(scopes):
        match = _SCOPE.fullmatch(scope)
        if match is None:
            continue
        context, subject, rights, query = match.groups()
        if subject in ("*", type_name) and action in _V1.get(rights, rights):
            found[Way(context == "patient", query or "")] = None
    kept = [way for way in found if not any(_contains(other, way) for other in found if other != way)]
    return Reach(tuple(kept)) if kept else _NOWHERE


def _contains(wide: Way, narrow: Way) -> bool:
    return (not wide.patient or narrow.patient) and wide.query in ("", narrow.query)


@lru_cache(maxsize=4096)
def allows(scopes: frozenset[str], type_name: str, action: str) -> bool:
    """Whether the scopes reach the type for `action` without any filter.

    For places that cannot apply a filter: a filtered scope (`?…`) gives them nothing, so it is never ignored. Who can apply
    one asks `reach`.
    """
    return reach(scopes, type_name, action).unfiltered
