"""Every profile that is known, compiled when first met (http://hl7.org/fhir/R4/profiling.html#resources)."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from fhircore.fhirpath import Hooks
from fhircore.fhirpath.hierarchy import is_a
from fhircore.fhirpath.model import Node, child, node
from fhircore.outcome import Issue
from fhircore.profiles.checking import compiled
from fhircore.profiles.definition import Definition, Json, Unusable, canonical, core_type, definition
from fhircore.profiles.elements import Check, Context
from fhircore.profiles.extensions import extended, node_at, tell_misplaced
from fhircore.profiles.findings import Findings
from fhircore.profiles.terms import ValueSet, member, value_set
from fhircore.profiles.terms import coded as codings_of
from fhircore.profiles.tree import Spot, tree_of
from fhircore.validation.report import Enough, shown

KEPT = ("StructureDefinition", "ValueSet", "CodeSystem")
_NESTING = 6  # profiles asked for while telling slices apart by profile
_HOLDERS = ("contained", "entry", "parameter", "part", "resource")


class ProfileSource(Protocol):
    """Where definitions come from: StructureDefinition, ValueSet and CodeSystem resources by canonical address."""

    def find(self, url: str) -> Json | None:
        """The resource with this `url` (no version), or None."""


class _Depth(threading.local):
    now = 0


_depth = _Depth()


def claimed(resource: Any) -> list[str]:
    """The profiles that a resource says it meets: meta.profile."""
    meta = resource.get("meta") if resource.__class__ is dict else None
    said = meta.get("profile") if meta.__class__ is dict else None
    return [one for one in said if one.__class__ is str] if said.__class__ is list else []


class Profiles:
    """Knows definitions, those of its source and those added; checks resources against them. Not told: what R4 itself says."""

    def __init__(self, source: ProfileSource | None = None) -> None:
        self._source = source
        self._added: dict[str, Json] = {}
        self._definitions: dict[str, Definition | None] = {}
        self._trees: dict[str, tuple[Definition, Spot] | Unusable | None] = {}
        self._checks: dict[str, Check | None] = {}
        self._broken: dict[str, Unusable] = {}  # what could be read and not compiled
        self._sets: dict[str, ValueSet | None] = {}
        self._extensions: dict[str, bool] = {}
        self._hooks = Hooks(member_of=self._member_of, conforms_to=self._conforms_to)

    def add(self, resource: Json) -> None:
        """Know this StructureDefinition, ValueSet or CodeSystem from now on, instead of another of its address."""
        self.replace([*(one for one in self._added.values() if one.get("url") != resource.get("url")), resource])

    def replace(self, resources: Iterable[Json]) -> None:
        """Know exactly these beside what the source has; what has no address or is of another type is left out."""
        known = ((one.get("url"), one) for one in resources if one.get("resourceType") in KEPT)
        self._added = {url: one for url, one in known if url.__class__ is str}
        for kept in (self._definitions, self._trees, self._checks, self._broken, self._sets, self._extensions):
            kept.clear()

    def find(self, url: str) -> Json | None:
        """The resource of this canonical address."""
        address = canonical(url)[0]
        found = self._added.get(address)
        return found if found is not None or self._source is None else self._source.find(address)

    def known(self, url: str) -> bool:
        """Whether the canonical is a profile that can be checked against."""
        if core_type(url) is not None:
            return True
        self._check(url)  # what cannot be compiled is not usable
        return self.tree(url) is not None

    def why_not(self, url: str) -> str:
        """In one sentence why a profile cannot be checked against."""
        found = self._tree(url)
        return found.issues[0].detail if isinstance(found, Unusable) else "The profile is not known here."

    def check(self, resource: Json, profiles: Iterable[str] = ()) -> list[Issue]:
        """What keeps a resource from what it claims (meta.profile, its own and of resources in it) and from `profiles`.

        Profiles that are not known are passed over: ask `known`. Extensions that have a definition here are held
        against it. Errors, warnings and information; at most MAX_ISSUES; never raises.
        """
        wanted = [url for url in (*claimed(resource), *profiles) if self.tree(url) is not None]
        inside = "contained" in resource or "entry" in resource or "parameter" in resource
        if not wanted and not inside:
            return []
        return self._found(resource, wanted, inside)

    def check_all(self, resource: Json, profiles: Iterable[str] = ()) -> list[Issue]:
        """As `check`, and extensions are held against their definitions even when no profile is claimed."""
        return self._found(resource, [*claimed(resource), *profiles], True)

    def _found(self, resource: Json, wanted: list[str], everything: bool) -> list[Issue]:
        out = Findings()
        with suppress(Enough):
            try:
                self._resource(node(resource), wanted, out, everything)
            except RecursionError:
                out.tell(
                    "too-costly", "The resource is nested too deeply to be checked against its profiles.", "", "warning"
                )
        return out.issues

    def _resource(self, root: Node, wanted: list[str], out: Findings, everything: bool) -> None:
        met = bool(wanted)
        for url in dict.fromkeys(wanted):
            self.apply((url,), root, out, "")
        for inner in _inside(root) if everything else ():
            claims = [url for url in claimed(inner.value) if self.tree(url) is not None]
            met |= bool(claims)
            for url in dict.fromkeys(claims):
                self.apply((url,), inner, out, "")
        if met:
            self._extended(root, out)

    def _extended(self, root: Node, out: Findings) -> None:
        if root.value.__class__ is not dict:
            return
        for url, trail in extended(root.value, self._is_extension):
            found, tree = node_at(root, trail), self.tree_and_definition(url)
            if found is not None and tree is not None:
                self.apply((url,), found, out, "")
                tell_misplaced(found, tree[0], out)

    def _is_extension(self, url: str) -> bool:
        held = self._extensions.get(url)
        if held is None:
            tree = self.tree(url) if len(url) < 500 else None
            held = tree is not None and tree.name == "Extension"
            if len(self._extensions) < 10_000:
                self._extensions[url] = held
        return held

    # What compiled checks ask (elements.Whole)

    def tree(self, url: str) -> Spot | None:
        """The tree of a profile; None when it is not known or not usable."""
        found = self.tree_and_definition(url)
        return None if found is None else found[1]

    def tree_and_definition(self, url: str) -> tuple[Definition, Spot] | None:
        found = self._tree(url)
        return None if isinstance(found, Unusable) else found

    def conforms(self, found: Node, url: str) -> bool:
        """Whether the element meets a profile; of the target of a reference only its type is known."""
        tree = self.tree(url)
        core = core_type(url)
        if tree is None:
            return core is None or is_a(found.type, core)
        if not is_a(found.type, tree.name):
            return False
        check = self._check(url)
        return check is None or found.value is None or self.passes(check, found)

    def passes(self, check: Check, found: Node) -> bool:
        """Whether the check finds no error."""
        if _depth.now >= _NESTING:
            return True
        out = Findings(limit=1)
        _depth.now += 1
        try:
            check(found, out)
        except Enough:
            return False
        finally:
            _depth.now -= 1
        return True

    def apply(self, urls: tuple[str, ...], found: Node, out: Findings, says: str) -> None:
        """Tells what keeps the element from meeting any of these profiles; of several, that it meets none."""
        known = [url for url in urls if self.tree(url) is not None]
        if len(known) < len(urls):
            return  # it may meet one that nobody here knows
        if len(known) > 1:
            if not any(self.conforms(found, url) for url in known):
                names = " or ".join(canonical(url)[0] for url in known)[:500]
                out.tell("structure", f"{says}this must meet one of the profiles {names}.", found)
            return
        tree = self.tree_and_definition(known[0])
        assert tree is not None  # it was asked above
        if not is_a(found.type, tree[1].name):
            sentence = f"{says}{tree[0].name} is a profile of {tree[1].name}, this is a {shown(found.type)}."
            out.tell("structure", sentence, found)
            return
        check = self._check(known[0])
        if check is not None:
            check(found, out)

    def hooks(self) -> Hooks:
        """What a rule in FHIRPath may ask."""
        return self._hooks

    def value_set(self, url: str) -> ValueSet | None:
        """The value set of this canonical, as far as it is known."""
        if url not in self._sets:
            if len(self._sets) > 10_000:  # rules may ask for what a resource names
                self._sets.clear()
            self._sets[url] = value_set(url, self.find)
        return self._sets[url]

    def _member_of(self, element: Any, url: str) -> bool | None:
        among = self.value_set(url)
        kind = "CodeableConcept" if element.__class__ is dict and "coding" in element else "Coding"
        return None if among is None else member(codings_of(Node(element, kind)) or (), among)

    def _conforms_to(self, element: Any, url: str) -> bool:
        return self.conforms(node(element), url)

    # Kept

    def _check(self, url: str) -> Check | None:
        address = canonical(url)[0]
        if address not in self._checks:
            found = self.tree_and_definition(address)
            if found is None:
                return None
            self._checks[address] = self._compiled(address, *found)
        return self._checks[address]

    def _compiled(self, url: str, about: Definition, tree: Spot) -> Check | None:
        try:
            return compiled(tree, Context(self, about.name))
        except Unusable as error:
            self._broken[url] = error
        except (LookupError, TypeError, AttributeError, ValueError):
            self._broken[url] = Unusable(f"{about.name} is not built as FHIR R4 says.")
        return None

    def _tree(self, url: str) -> tuple[Definition, Spot] | Unusable | None:
        if url not in self._trees:
            if len(self._trees) > 10_000:  # claims are anybody's
                self._trees.clear()
            self._trees[url] = self._read(url)
        found = self._trees[url]
        return self._broken.get(canonical(url)[0], found) if self._broken else found

    def _read(self, url: str) -> tuple[Definition, Spot] | Unusable | None:
        try:
            return tree_of(url, self._definition)
        except KeyError:
            return None
        except Unusable as error:
            return error

    def _definition(self, url: str) -> Definition | None:
        """The definition of this canonical, of the version that it names when it names one."""
        address, version = canonical(url)
        if address not in self._definitions:
            resource = self.find(address)
            usable = resource is not None and resource.get("resourceType") == "StructureDefinition"
            if not usable or resource is None:
                return None
            self._definitions[address] = definition(resource)
        found = self._definitions[address]
        return None if found is None or (version and found.version and version != found.version) else found


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
