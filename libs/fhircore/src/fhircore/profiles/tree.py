"""The snapshot as a tree: what a profile and all it is based on say of each element and each slice, laid over each other.

Only what goes beyond R4's own definition of the type is kept; that is checked already (http://hl7.org/fhir/R4/profiling.html#snapshot).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhircore.fhirpath.hierarchy import PROFILED, fields
from fhircore.profiles.definition import Definition, Element, Json, Unusable, canonical, core_type, static_type
from fhircore.validation.definitions import Field, texts

MAX_CHAIN = 20  # profiles on profiles
_STRENGTHS = ("required", "extensible")
_SYSTEM = "http://hl7.org/fhirpath/"


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One allowed type: with the profiles that a value must meet, and those that the target of a reference must."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How slices are told apart: (kind, path) pairs, and what may stand beside them."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str = "open"
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Constraint:
    """A rule in FHIRPath."""

    key: str
    severity: str
    text: str
    expression: str


@dataclass(slots=True)
class Spot:
    """One element, or one slice of it. None means that nothing is said beyond R4."""

    name: str
    min: int = 0
    max: int | None = None
    types: tuple[TypeRule, ...] | None = None
    exact: tuple[Any, ...] = ()  # fixed[x]
    pattern: tuple[Any, ...] = ()
    binding: tuple[str, str] | None = None  # (strength, value set)
    low: Any = None
    high: Any = None
    max_length: int | None = None
    constraints: dict[str, Constraint] = field(default_factory=dict)
    slicing: Slicing | None = None
    children: dict[str, "Spot"] = field(default_factory=dict)
    slices: dict[str, "Spot"] = field(default_factory=dict)

    def child(self, name: str) -> "Spot | None":
        """The child of this name, as FHIRPath names it: `value` is `value[x]`."""
        return self.children.get(name) or self.children.get(name + "[x]")


def tree_of(url: str, find: Callable[[str], Definition | None]) -> tuple[Definition, Spot]:
    """The profile and its tree. `find` knows definitions by canonical. Raises Unusable, KeyError when it is unknown."""
    chain = _chain(url, find)
    root = Spot(chain[0].type)
    for one in reversed(chain):
        if one.type != chain[0].type:
            raise Unusable(f"{one.name} is a profile of another type.")
        try:
            for element in one.elements:
                _lay(root, element, one)
        except (LookupError, TypeError, AttributeError, ValueError):
            raise Unusable(f"{one.name} is not built as FHIR R4 says.") from None
    return chain[0], root


def bases_of(url: str, find: Callable[[str], Definition | None]) -> frozenset[str]:
    """The addresses of what a usable profile is based on, itself not among them."""
    return frozenset(one.url for one in _chain(url, find)[1:])


def _chain(url: str, find: Callable[[str], Definition | None]) -> list[Definition]:
    """The profile, what it is based on, and so on; a snapshot whose base is unknown needs none."""
    chain: list[Definition] = []
    wanted = url
    while core_type(wanted) is None or not chain:
        found = find(wanted)
        if found is None:
            if not chain:
                raise KeyError(url)
            if chain[-1].full:
                break
            raise Unusable(f"The base of {chain[-1].name} is not known: give {canonical(wanted)[0][:200]} too.")
        if any(found.url == one.url for one in chain) or len(chain) == MAX_CHAIN:
            raise Unusable(f"{found.name} is based on itself, or on more than {MAX_CHAIN} others.")
        chain.append(found)
        wanted = found.base
    return chain


def _lay(root: Spot, element: Element, owner: Definition) -> None:
    """Lay one element's words over what is known of its place."""
    spot, base = root, None
    kind: str | None = owner.type
    for step in element.steps:
        base = None if kind is None else _base_of(kind, step.name)
        spot = spot.children.setdefault(step.name, Spot(step.name))
        spot = _slice(spot, step.name, step.slices, kind)
        kind = static_type(kind, step)
    sliced = bool(element.steps and element.steps[-1].slices)
    _say(spot, element.said, base if not sliced else None)
    if not element.steps:
        spot.min, spot.max, spot.types = 0, None, None  # how many there are of the whole is said where it is used


def _slice(spot: Spot, name: str, slices: tuple[str, ...], owner: str | None) -> Spot:
    for one in slices:
        known = spot.slices.get(one)
        if known is None:
            known = spot.slices[one] = Spot(name)
            named = fields(owner).get(one) if owner else None
            if named is not None and named.base == name and named.type:
                known.types = (TypeRule("Quantity" if named.type in PROFILED else named.type),)
        spot = known
    return spot


def _base_of(owner: str, name: str) -> tuple[Field, ...] | None:
    return tuple(field for field in fields(owner).values() if field.base == name) or None


def _say(spot: Spot, said: Json, base: tuple[Field, ...] | None) -> None:
    """`base` is what R4 says of the element; what only repeats that is left out."""
    least, most = said.get("min"), said.get("max")
    if least.__class__ is int and not (base and base[0].required and least <= 1):
        spot.min = max(spot.min, least)
    if most.__class__ is str and most != "*" and not (base and not base[0].many and most == "1"):
        spot.max = int(most)
    if said.get("type"):
        types = tuple(_type(one) for one in said["type"])
        if not any(one.code.startswith(_SYSTEM) for one in types) and not (base and _same_types(types, base)):
            spot.types = types
    _say_values(spot, said)
    _say_binding(spot, said.get("binding"), base)
    for one in said.get("constraint", ()):
        if one.get("expression") and one["key"] not in _base_keys():
            spot.constraints[one["key"]] = Constraint(
                one["key"], one["severity"], str(one.get("human", ""))[:500], one["expression"]
            )
    slicing = said.get("slicing")
    if slicing:
        told = tuple((one["type"], one["path"]) for one in slicing.get("discriminator", ()))
        spot.slicing = Slicing(told, slicing.get("rules", "open"), slicing.get("ordered") is True)


def _say_values(spot: Spot, said: Json) -> None:
    for name, value in said.items():
        if name.startswith("fixed"):
            spot.exact = (value,)
        elif name.startswith("pattern"):
            spot.pattern = (value,)
        elif name.startswith("minValue"):
            spot.low = value
        elif name.startswith("maxValue"):
            spot.high = value
    if said.get("maxLength").__class__ is int:
        spot.max_length = said["maxLength"]


def _say_binding(spot: Spot, said: Json | None, base: tuple[Field, ...] | None) -> None:
    if not said or not said.get("valueSet"):
        return
    url = said["valueSet"]
    if base and said.get("strength") == "required" and any(one.binding == canonical(url)[0] for one in base):
        return
    if said.get("strength") in _STRENGTHS:
        spot.binding = (said["strength"], url)


def _type(said: Json) -> TypeRule:
    return TypeRule(said["code"], tuple(said.get("profile", ())), tuple(said.get("targetProfile", ())))


def _same_types(types: tuple[TypeRule, ...], base: tuple[Field, ...]) -> bool:
    """Whether these types only repeat R4's."""
    if any(core_type(url) is None for one in types for url in one.profiles):
        return False
    named = {"Quantity" if one.type in PROFILED else one.type for one in base}
    if not any("." in one for one in named) and {one.code for one in types} != named:
        return False
    targets = {core_type(url) for one in types for url in one.targets}
    known = {target for one in base for target in one.targets}
    return targets == known or (not known and targets <= {"Resource", None} and not any(one.targets for one in types))


@cache
def _base_keys() -> frozenset[str]:
    """Invariants of R4 itself, which snapshots repeat."""
    return frozenset(key for rules in texts().values() for key in rules) | {"ele-1", "ext-1"}
