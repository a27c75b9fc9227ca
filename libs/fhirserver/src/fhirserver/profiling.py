"""Profiles at the doors: which are known in this process, what a write must meet, and what of it is refused (sweden.md FHR-01).

A claim (meta.profile) of a profile that is known here is checked on every write. A claim of one that is not known is kept as
the claim it is, unless the policy refuses it; `$validate` always tells.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhircore.outcome import Issue
from fhircore.profiles import Profiles, claimed, packaged
from fhircore.types import TYPES

EVERY_TYPE = "*"
_ERRORS = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Policy:
    """`required`: by type (or EVERY_TYPE) the profiles that are to be met, claimed or not. `refuse`: the types whose claims
    of unknown profiles are refused; those of all others are kept."""

    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refuse: frozenset[str] = frozenset()

    @classmethod
    def of(cls, required: str, refuse: str) -> "Policy":
        """From settings: `Type=canonical` pairs, and types, both apart by white space. Raises ValueError."""
        wanted: dict[str, tuple[str, ...]] = {}
        for pair in required.split():
            name, mark, url = pair.partition("=")
            if not mark or not url:
                raise ValueError("required profiles are pairs like Patient=http://address/of/profile")
            wanted[_type(name)] = (*wanted.get(name, ()), url)
        return cls(wanted, frozenset(_type(name) for name in refuse.split()))

    def wants(self, type_name: str) -> tuple[str, ...]:
        """The profiles that every resource of this type must meet."""
        return (*self.required.get(type_name, ()), *self.required.get(EVERY_TYPE, ())) if self.required else ()

    def refuses(self, type_name: str) -> bool:
        """Whether a claim of an unknown profile is refused."""
        return type_name in self.refuse or EVERY_TYPE in self.refuse


def _type(name: str) -> str:
    if name not in TYPES and name != EVERY_TYPE:
        raise ValueError(f"{name[:60]!r} is neither a resource type of FHIR R4 nor {EVERY_TYPE}")
    return name


HouseRule = Callable[[str, dict[str, Any]], list[Issue]]


def _no_rule(_type_name: str, _resource: dict[str, Any]) -> list[Issue]:
    return []


class Profiling:
    """What a process knows and demands. One per process, as the compiled validators are: `IN_FORCE`."""

    def __init__(self, profiles: Profiles, policy: Policy | None = None) -> None:
        self.profiles = profiles
        self.policy = policy or Policy()
        self.house: HouseRule = _no_rule  # what this region asks beside profiles

    def faults(self, type_name: str, resource: dict[str, Any]) -> list[Issue]:
        """The errors that keep a resource, whose structure is right, from being written; nothing is looked at in vain."""
        required = self.policy.wants(type_name)
        issues = [*self.profiles.check(resource, required), *self.house(type_name, resource)]
        if required or self.policy.refuse:
            issues += self.unknown(type_name, resource, required)
        return [issue for issue in issues if issue.severity in _ERRORS] if issues else issues

    def all_issues(self, type_name: str, resource: dict[str, Any], asked: tuple[str, ...] = ()) -> list[Issue]:
        """Everything that can be told, for `$validate`; `asked` are profiles that it names itself."""
        wanted = (*self.policy.wants(type_name), *asked)
        issues = [*self.profiles.check_all(resource, wanted), *self.house(type_name, resource)]
        return issues + self.unknown(type_name, resource, wanted)

    def unknown(self, type_name: str, resource: dict[str, Any], wanted: tuple[str, ...]) -> list[Issue]:
        """Claims of profiles that are not known here, refused or told; wanted ones that are not known are always errors."""
        severity = "error" if self.policy.refuses(type_name) else "warning"
        found = []
        for place, url in enumerate(claimed(resource)):
            if not self.profiles.known(url):
                told = f"{_shown(url)}: {self.profiles.why_not(url)} The claim was not checked."
                found.append(Issue("not-found", told, f"{type_name}.meta.profile[{place}]", severity))
        for url in wanted:
            if not self.profiles.known(url):
                told = f"{_shown(url)}: {self.profiles.why_not(url)} It must be met, and cannot be checked."
                found.append(Issue("not-found", told, type_name))
        return found


def _shown(url: str) -> str:
    return url[:200] if url.isprintable() else ascii(url)[1:201]


IN_FORCE = Profiling(Profiles(packaged()))
