"""What composite parameters and `near` find: values that stand together in one group of a resource.

    (parameter, (values of the first component, values of the second, …))     as the tuples of extract.py
    ("near", ((latitude, longitude),))

A composite whose group is the resource itself (Observation.code-value-quantity) is not here: it is the same as asking for
its components one by one, since none of them but the code can stand twice (http://hl7.org/fhir/R4/search.html#composite).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from fhircore.extract import Extract, compiled
from fhircore.params import SearchParam, params_of
from fhircore.path import Path
from fhircore.values import number

Group = tuple[str, tuple[Any, ...]]
_Reader = tuple[str, Path, tuple[Extract, ...]]


@cache
def grouped(type_name: str) -> Callable[[Mapping[str, Any]], list[Group]] | None:
    """The function that reads the groups of a resource of this type, None when it has none. Compiled once.

    It trusts that `extractor` read the resource before, and so that its elements have their FHIR form.
    """
    readers = [reader for param in params_of(type_name).values() for reader in _readers(type_name, param)]
    if type_name == "Location":
        return _near
    if not readers:
        return None
    first = frozenset(path.steps[0].name for _, path, _ in readers)

    def groups(resource: Mapping[str, Any]) -> list[Group]:
        if first.isdisjoint(resource):
            return []
        found: list[Group] = []
        for name, path, parts in readers:
            for item in _items(resource, path):
                values = tuple(part(item) for part in parts)
                if all(values):
                    found.append((name, values))
        return found

    return groups


def _readers(type_name: str, param: SearchParam) -> Iterator[_Reader]:
    """One per kind of group; `combo-` parameters are searched as their parts."""
    if param.type != "composite" or param.name.startswith("combo-"):
        return
    for path in param.paths:
        if path.steps:
            parts = (SearchParam(c.name, c.type, c.expression, (), (), param.url, c.paths) for c in param.components)
            yield param.name, path, tuple(compiled(type_name, (part,)) for part in parts)


def _items(resource: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    items: list[Any] = [resource]
    for step in path.steps:
        below = (item.get(step.name) for item in items)
        items = [item for found in below if found is not None for item in (found if step.many else (found,))]
    return [item for item in items if item is not None]


def _near(resource: Mapping[str, Any]) -> list[Group]:
    position = resource.get("position")
    if position is None or position.get("latitude") is None or position.get("longitude") is None:
        return []
    return [("near", ((number(position["latitude"]), number(position["longitude"])),))]
