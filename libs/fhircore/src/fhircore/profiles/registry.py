"""Resources against the profiles that they claim, and extensions against their definitions (http://hl7.org/fhir/R4/profiling.html#resources)."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fhircore.fhirpath.model import Node, child, node
from fhircore.outcome import Issue
from fhircore.profiles.definition import Json, canonical
from fhircore.profiles.extensions import extended, node_at, tell_misplaced
from fhircore.profiles.findings import Findings
from fhircore.profiles.library import MAX_KEPT, Library
from fhircore.validation.report import Enough

_HOLDERS = ("contained", "entry", "parameter", "part", "resource")


def claimed(resource: Any) -> list[str]:
    """The profiles that a resource says it meets: meta.profile."""
    meta = resource.get("meta") if resource.__class__ is dict else None
    said = meta.get("profile") if meta.__class__ is dict else None
    return [one for one in said if one.__class__ is str] if said.__class__ is list else []


class Profiles(Library):
    """Checks resources against what it knows. Not told: what R4 itself says."""

    def check(self, resource: Json, profiles: Iterable[str] = ()) -> list[Issue]:
        """What keeps a resource from what it claims (meta.profile, its own and of resources in it) and from `profiles`.

        Profiles that are not known are passed over: ask `known`. Extensions that have a definition here are held
        against it. Errors, warnings and information; at most MAX_ISSUES; never raises.
        """
        wanted = self._wanted((*claimed(resource), *profiles))
        inside = "contained" in resource or "entry" in resource or "parameter" in resource
        if not wanted and not inside:
            return []
        return self._found(resource, wanted, always=False)

    def _wanted(self, claims: tuple[str, ...]) -> list[str]:
        """Those that are known, without those that another of them is based on: its tree says all that they say."""
        found = self.kept_claims.get(claims)
        if found is None:
            known = [url for url in claims if self.tree(url) is not None]
            bases: frozenset[str] = frozenset().union(*(self.bases(url) for url in known))
            found = [url for url in known if canonical(url)[0] not in bases]
            if len(self.kept_claims) < MAX_KEPT:
                self.kept_claims[claims] = found
        return found

    def check_all(self, resource: Json, profiles: Iterable[str] = ()) -> list[Issue]:
        """As `check`, and extensions are held against their definitions even when no profile is claimed."""
        return self._found(resource, [*claimed(resource), *profiles], always=True)

    def _found(self, resource: Json, wanted: list[str], *, always: bool) -> list[Issue]:
        out = Findings()
        with suppress(Enough):
            try:
                self._resource(node(resource), wanted, out, always)
            except RecursionError:
                told = "The resource is nested too deeply to be checked against its profiles."
                out.tell("too-costly", told, "", "warning")
        return out.issues

    def _resource(self, root: Node, wanted: list[str], out: Findings, always: bool) -> None:
        """`always`: extensions are looked at though nothing known is claimed."""
        for url in dict.fromkeys(wanted):
            self.apply((url,), root, out, "")
        for inner in _inside(root):
            claims = [url for url in claimed(inner.value) if self.tree(url) is not None]
            always |= bool(claims)
            for url in dict.fromkeys(claims):
                self.apply((url,), inner, out, "")
        if always or wanted:
            self._extended(root, out)

    def _extended(self, root: Node, out: Findings) -> None:
        if root.value.__class__ is not dict:
            return
        for url, trail in extended(root.value, self.is_extension):
            found, tree = node_at(root, trail), self.tree_and_definition(url)
            if found is not None and tree is not None:
                self.apply((url,), found, out, "")
                tell_misplaced(found, tree[0], out)


def _inside(root: Node) -> Iterable[Node]:
    """The resources in a resource, at any depth: contained ones, those of a Bundle's entries and of parameters."""
    stack = [root]
    while stack:
        current = stack.pop()
        if current.value.__class__ is not dict:
            continue
        for name in _HOLDERS:
            held = child(current, name) if name in current.value else ()
            if name != "resource" and name != "contained":
                stack += held
                continue
            yield from held
            stack += held
