"""Slices: which value is in which, by value, pattern, type, existence or profile (http://hl7.org/fhir/R4/profiling.html#slicing)."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from fhircore.fhirpath.model import Node
from fhircore.profiles.definition import Unusable, canonical, core_type, is_type
from fhircore.profiles.paths import Path, reader, stepper, steps
from fhircore.profiles.terms import coded, member
from fhircore.profiles.tree import Slicing, Spot, TypeRule
from fhircore.profiles.values import equal, has_pattern

Match = Callable[[Node], bool]
_IMPLIED_BY_TYPE = Slicing((("type", "$this"),))
_IMPLIED_BY_URL = Slicing((("value", "url"),))


class Known(Protocol):
    """What slices ask of other definitions."""

    def tree(self, url: str) -> Spot | None:
        """The tree of a profile; None when it is not known or not usable."""

    def conforms(self, found: Node, url: str) -> bool:
        """Whether the element meets a profile; true when the profile is not known."""

    def value_set(self, url: str) -> Any:
        """The value set, or None."""


def slicing_of(spot: Spot) -> Slicing | None:
    """How the slices of this element are told apart, said or implied."""
    if spot.slicing is not None and spot.slicing.discriminators:
        return spot.slicing
    if spot.name in ("extension", "modifierExtension"):
        implied = _IMPLIED_BY_URL
    elif spot.name.endswith("[x]"):
        implied = _IMPLIED_BY_TYPE
    else:
        return spot.slicing
    said = spot.slicing
    return implied if said is None else Slicing(implied.discriminators, said.rules, said.ordered)


def matcher(slicing: Slicing | None, slice_: Spot, known: Known) -> Match | None:
    """Whether a value is in this slice; None when the definition does not say how to tell."""
    found = [_match(kind, steps(path), slice_, known) for kind, path in (slicing.discriminators if slicing else ())]
    tests = [one for one in found if one is not None]
    if not tests:
        return _fits(slice_, known)
    if len(tests) == 1:
        return tests[0]
    return lambda node: all(test(node) for test in tests)


def _match(kind: str, path: Path, slice_: Spot, known: Known) -> Match | None:
    places = _places(slice_, path, known)
    if kind in ("value", "pattern"):
        return _by_value(path, places, known)
    if kind == "type":
        return _by_type(path, places)
    if kind == "exists":
        return _by_existence(path, places)
    if kind == "profile":
        return _by_profile(path, places, known)
    raise Unusable("A discriminator is value, pattern, type, exists or profile.")


def _by_value(path: Path, places: list[Spot], known: Known) -> Match | None:
    """Every criterion that the definition has at this path is met by some value there."""
    plain = _plain(path, places)
    if plain is not None:
        return plain
    criteria = [test for place in places if (test := _fits(place, known)) is not None]
    if not criteria:
        return None
    read = reader(path)
    if len(criteria) == 1:
        (only,) = criteria
        return lambda node: any(only(one) for one in read(node))
    return lambda node: all(any(test(one) for one in read(node)) for test in criteria)


def _plain(path: Path, places: list[Spot]) -> Match | None:
    """The commonest by far, without nodes: one text in one element, as `system` of an identifier or `url` of an extension."""
    if len(path) != 1 or len(places) != 1 or path[0] != ("name", places[0].name):
        return None
    (place,) = places
    wanted = place.exact or place.pattern
    if len(wanted) != 1 or wanted[0].__class__ is not str or (place.exact and place.pattern):
        return None
    key, (text,) = place.name, wanted
    return lambda node: node.value.__class__ is dict and node.value.get(key) == text


def _by_type(path: Path, places: list[Spot]) -> Match | None:
    codes = tuple({rule.code for place in places for rule in place.types or ()})
    if not codes:
        return None
    read = reader(path)
    return lambda node: any(is_type(one.type, code) for one in read(node) for code in codes)


def _by_existence(path: Path, places: list[Spot]) -> Match:
    read = reader(path)
    if any(place.max == 0 for place in places):
        return lambda node: not read(node)
    return lambda node: bool(read(node))


def _by_profile(path: Path, places: list[Spot], known: Known) -> Match | None:
    urls = tuple({url for place in places for rule in place.types or () for url in rule.profiles})
    if not urls:
        return None
    read = reader(path)
    return lambda node: any(known.conforms(one, url) for one in read(node) for url in urls)


def _places(spot: Spot, path: Path, known: Known) -> list[Spot]:
    """What the definition says at this path below a slice: in the slice itself, in its slices, in the profiles it names."""
    found = [spot]
    for kind, said in path:
        found = [further for one in found for further in _further(one, kind, said, known)]
    return found


def _further(spot: Spot, kind: str, said: str, known: Known) -> Iterable[Spot]:
    if kind == "name":
        return _named(spot, said, known)
    if kind == "ofType":
        named = [one for one in spot.slices.values() if any(rule.code == said for rule in one.types or ())]
        return [spot, *named]
    if kind == "extension":
        below = spot.child("extension")
        return [] if below is None else [one for one in below.slices.values() if said in _urls(one)]
    rules = [_target_rule(url, known) for rule in spot.types or () for url in rule.targets]
    return [Spot("", types=tuple(rules))] if rules else []


def _named(spot: Spot, name: str, known: Known) -> Iterable[Spot]:
    child = spot.child(name)
    if child is not None:
        must = [one for one in child.slices.values() if one.min > 0]
        return [child, *(must or (() if _fits(child, known) else child.slices.values()))]
    found: list[Spot] = []
    for url in (url for rule in spot.types or () for url in rule.profiles):
        tree = known.tree(url)
        if tree is not None and tree.child(name) is not None:
            found += _named(tree, name, known)
        elif name == "url":
            found.append(Spot("url", exact=(canonical(url)[0],)))
    return found


def _urls(extension: Spot) -> set[str]:
    fixed = extension.child("url")
    profiles = {canonical(url)[0] for rule in extension.types or () for url in rule.profiles}
    return profiles | (set(map(str, fixed.exact)) if fixed else set())


def _target_rule(url: str, known: Known) -> TypeRule:
    """The type that a target profile is about, with the profile."""
    core = core_type(url)
    if core is not None:
        return TypeRule(core)
    tree = known.tree(url)
    return TypeRule("Resource" if tree is None else tree.name, (url,))


def _fits(spot: Spot, known: Known) -> Match | None:
    """A test of the values that the definition fixes here and below; None when it fixes nothing."""
    tests: list[Match] = [*_own(spot, known)]
    for child in spot.children.values():
        for place in (child, *(one for one in child.slices.values() if one.min > 0)):
            test = _fits(place, known)
            if test is not None:
                tests.append(_below(child.name, test))
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda node: all(test(node) for test in tests)


def _below(name: str, test: Match) -> Match:
    step = stepper(name)
    return lambda node: any(test(one) for one in step(node))


def _own(spot: Spot, known: Known) -> Iterable[Match]:
    for fixed in spot.exact:
        if fixed.__class__ is str:
            yield lambda node, wanted=fixed: node.value == wanted  # type: ignore[misc]
        else:
            yield lambda node, wanted=fixed: equal(node.value, wanted)  # type: ignore[misc]
    for pattern in spot.pattern:
        yield lambda node, wanted=pattern: has_pattern(node.value, wanted)  # type: ignore[misc]
    if spot.binding and spot.binding[0] == "required" and not (spot.exact or spot.pattern):
        among = known.value_set(spot.binding[1])
        if among is not None:
            yield lambda node: member(coded(node) or (), among) is True
