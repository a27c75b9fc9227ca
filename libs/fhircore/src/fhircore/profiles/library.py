"""Every definition that is known, and what it becomes: a tree, then a check, compiled when first met."""

import threading
from collections.abc import Iterable
from typing import Any, Protocol

from fhircore.fhirpath import Hooks
from fhircore.fhirpath.hierarchy import is_a
from fhircore.fhirpath.model import Node, node
from fhircore.profiles.checking import compiled_whole
from fhircore.profiles.definition import Definition, Json, Unusable, canonical, core_type, definition
from fhircore.profiles.elements import Check, Context
from fhircore.profiles.findings import Findings
from fhircore.profiles.terms import ValueSet, coded, member, value_set
from fhircore.profiles.tree import Spot, bases_of, tree_of
from fhircore.validation.report import Enough, shown

KEPT = ("StructureDefinition", "ValueSet", "CodeSystem")
MAX_KEPT = 10_000  # answers about addresses that anybody may have made up
_NESTING = 6  # profiles asked for while telling slices apart by profile


class ProfileSource(Protocol):
    """Where definitions come from: StructureDefinition, ValueSet and CodeSystem resources by canonical address."""

    def find(self, url: str) -> Json | None:
        """The resource with this `url` (no version), or None."""


class _Depth(threading.local):
    now = 0


_depth = _Depth()


class Library:
    """Knows definitions, those of its source and those added, and answers what compiled checks ask (elements.Whole)."""

    def __init__(self, source: ProfileSource | None = None) -> None:
        self._source = source
        self._added: dict[str, Json] = {}
        self._definitions: dict[str, Definition | None] = {}
        self._trees: dict[str, tuple[Definition, Spot] | Unusable | None] = {}
        self._checks: dict[str, Check | None] = {}
        self._broken: dict[str, Unusable] = {}  # what could be read and not compiled
        self._sets: dict[str, ValueSet | None] = {}
        self._extensions: dict[str, bool] = {}
        self._bases: dict[str, frozenset[str]] = {}
        self.kept_claims: dict[tuple[str, ...], list[str]] = {}  # claims of resources → what is checked
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
        self._bases.clear()
        self.kept_claims.clear()

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

    def bases(self, url: str) -> frozenset[str]:
        """The addresses of the profiles that this known one is based on: who meets it meets them."""
        found = self._bases.get(url)
        if found is None:
            found = bases_of(url, self._definition)
            if len(self._bases) < MAX_KEPT:
                self._bases[url] = found
        return found

    def is_extension(self, url: str) -> bool:
        """Whether the address is that of an extension that is known."""
        held = self._extensions.get(url)
        if held is None:
            tree = self.tree(url) if len(url) < 500 else None
            held = tree is not None and tree.name == "Extension"
            if len(self._extensions) < MAX_KEPT:
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
            if len(self._sets) > MAX_KEPT:  # rules may ask for what a resource names
                self._sets.clear()
            self._sets[url] = value_set(url, self.find)
        return self._sets[url]

    def _member_of(self, element: Any, url: str) -> bool | None:
        among = self.value_set(url)
        kind = "CodeableConcept" if element.__class__ is dict and "coding" in element else "Coding"
        return None if among is None else member(coded(Node(element, kind)) or (), among)

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
            return compiled_whole(tree, Context(self, about.name))
        except Unusable as error:
            self._broken[url] = error
        except (LookupError, TypeError, AttributeError, ValueError):
            self._broken[url] = Unusable(f"{about.name} is not built as FHIR R4 says.")
        return None

    def _tree(self, url: str) -> tuple[Definition, Spot] | Unusable | None:
        if url not in self._trees:
            if len(self._trees) > MAX_KEPT:  # claims are anybody's
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
