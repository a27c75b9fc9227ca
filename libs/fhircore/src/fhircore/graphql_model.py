"""What a GraphQL query needs and what is found for it: resources by reference, and pages of searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhircore.validation.definitions import resource_types

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """The resource behind this reference, as it is written: Type/id, or an absolute address."""

    reference: str


@dataclass(frozen=True, slots=True)
class Search:
    """The resources of a type that these parameters find; `_total` is among them where a count was asked for."""

    type: str
    pairs: tuple[tuple[str, str], ...]


Need = Read | Search


@dataclass(frozen=True, slots=True)
class Page:
    """What a search found. `offset` is None where it is not known; the four cursors are for the argument _cursor."""

    resources: Sequence[Data]
    count: int | None = None
    offset: int | None = None
    pagesize: int | None = None
    first: str | None = None
    previous: str | None = None
    next: str | None = None
    last: str | None = None


Known = Mapping[Need, Data | Page | None]


def connection(page: Page) -> Data:
    """A page as the object that a field …Connection is."""
    edges = [{"mode": "match", "resource": resource} for resource in page.resources]
    found = {
        "count": page.count, "offset": page.offset, "pagesize": page.pagesize, "edges": edges, "first": page.first,
        "previous": page.previous, "next": page.next, "last": page.last,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def type_of(reference: str) -> str | None:
    """The type that a reference names, where it does."""
    parts = reference.partition("/_history/")[0].split("/")
    return parts[-2] if len(parts) > 1 and parts[-2] in resource_types() else None


def contained(reference: str, resource: Data) -> Data | None:
    """The resource inside this one that `#id` means; `#` is this one itself."""
    if reference == "#":
        return resource
    return next((one for one in resource.get("contained", ()) if one.get("id") == reference[1:]), None)
