"""A StructureDefinition as plain facts: what each of its elements says (http://hl7.org/fhir/R4/elementdefinition.html)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhircore.fhirpath.hierarchy import fields, is_a
from fhircore.outcome import InvalidFHIR

CORE = "http://hl7.org/fhir/StructureDefinition/"
MAX_ELEMENTS = 5000
MAX_STEPS = 40  # of one element's path
_ABSTRACT = frozenset(("Element", "BackboneElement", "Resource", "DomainResource"))

Json = dict[str, Any]


class Unusable(InvalidFHIR):
    """A StructureDefinition that cannot be checked against: no base that is known, a circle, not what R4 says."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an element's id: `identifier:personnummer`; value[x] is the name of a choice, `/` leads to reslices."""

    name: str
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Element:
    """What a profile says of one element; `said` is the ElementDefinition itself."""

    steps: tuple[Step, ...]  # below the root; none for the root
    said: Json


@dataclass(frozen=True, slots=True)
class Definition:
    """One StructureDefinition. `full` says that `elements` is a snapshot: everything, the base's words too."""

    url: str
    version: str
    name: str
    type: str
    base: str
    elements: tuple[Element, ...]
    full: bool
    contexts: tuple[tuple[str, str], ...]  # of an extension: (element | extension | fhirpath, expression)


def canonical(url: str) -> tuple[str, str]:
    """(address, version or "") of a canonical `address|version`."""
    address, _, version = url.partition("|")
    return address, version


def core_type(url: str) -> str | None:
    """The R4 type that this canonical is the definition of; None when it is none."""
    name = canonical(url)[0].removeprefix(CORE)
    return name if fields(name) else None


def definition(resource: Json, *, snapshot: bool = False) -> Definition:
    """Read a StructureDefinition: its differential, or its snapshot when it has no differential or that is asked for.

    Raises Unusable for what is no usable profile.
    """
    try:
        return _read(resource, snapshot)
    except (LookupError, TypeError, AttributeError, ValueError):
        raise Unusable("This StructureDefinition is not built as FHIR R4 says.") from None


def _read(resource: Json, snapshot: bool) -> Definition:
    parts = [
        resource[part]["element"] for part in ("differential", "snapshot") if resource.get(part, {}).get("element")
    ]
    full = "differential" not in resource or not resource["differential"].get("element") or snapshot
    said: list[Json] = [] if not parts else parts[-1 if full else 0]
    if len(said) > MAX_ELEMENTS:
        raise Unusable(f"A profile may have at most {MAX_ELEMENTS} elements.")
    url, kind = str(resource["url"]), str(resource["type"])
    if resource.get("kind") == "logical" or not fields(kind):
        raise Unusable("Only profiles of R4's resources and data types can be checked.")
    contexts = tuple((str(one["type"]), str(one["expression"])) for one in resource.get("context", ()))
    return Definition(
        url,
        str(resource.get("version", "")),
        str(resource.get("name") or url.rpartition("/")[2])[:100],
        kind,
        str(resource.get("baseDefinition", "")),
        tuple(_elements(said, kind)),
        full and bool(said),
        contexts,
    )


def _elements(said: list[Json], root: str) -> Iterator[Element]:
    """With ids that say the slices; without, the slices of an element are those of the elements before it."""
    current: dict[str, tuple[Step, ...]] = {}
    for one in said:
        path = str(one["path"])
        if path.count(".") > MAX_STEPS:
            raise Unusable(f"An element of a profile may be at most {MAX_STEPS} steps deep.")
        parts = str(one.get("id", "")).split(".")
        if len(parts) == path.count(".") + 1:
            steps = tuple(_step(part) for part in parts[1:])
            if one.get("sliceName") and steps and not steps[-1].slices:
                steps = (*steps[:-1], _sliced(steps[-1].name, one["sliceName"]))
        else:
            steps = _without_id(one, path, current)
        current[path] = steps
        yield Element(_named_by_type(steps, root), one)


def _without_id(one: Json, path: str, current: dict[str, tuple[Step, ...]]) -> tuple[Step, ...]:
    parent, _, name = path.rpartition(".")
    if not parent:
        return ()
    above = current.get(parent) or tuple(Step(part) for part in parent.split(".")[1:])
    for deeper in [known for known in current if known.startswith(path + ".")]:
        del current[deeper]
    return (*above, _sliced(name, one["sliceName"]) if one.get("sliceName") else Step(name))


def _step(part: str) -> Step:
    name, _, slices = part.partition(":")
    return _sliced(name, slices) if slices else Step(name)


def _sliced(name: str, slices: str) -> Step:
    return Step(name, tuple(str(slices).split("/")))


def _named_by_type(steps: tuple[Step, ...], root: str) -> tuple[Step, ...]:
    """`valueQuantity` is the slice valueQuantity of value[x], where that can be told from the types on the way."""
    found: list[Step] = []
    kind: str | None = root
    for step in steps:
        known = fields(kind) if kind else {}
        direct = known.get(step.name)
        if direct is not None and direct.base != step.name:
            step = Step(direct.base, (step.name, *step.slices))
        found.append(step)
        kind = static_type(kind, step)
    return tuple(found)


def static_type(owner: str | None, step: Step) -> str | None:
    """The type or backbone that an element has by definition, None when it may have several."""
    if owner is None:
        return None
    known = fields(owner)
    named = known.get(step.slices[0]) if step.slices else None
    if named is not None and named.base == step.name:
        return named.type
    types = {field.type for field in known.values() if field.base == step.name}
    kind = types.pop() if len(types) == 1 else None
    return "Quantity" if kind in ("SimpleQuantity", "MoneyQuantity") else kind


def is_type(name: str, code: str) -> bool:
    """Whether an element of this type is of the type that a profile names: that one, or one derived from an abstract one."""
    return name == code or (code in _ABSTRACT and is_a(name, code))
