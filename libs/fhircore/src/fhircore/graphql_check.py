"""What FHIR's GraphQL has where: the fields of each type, and whether a query asks only for such (http://hl7.org/fhir/R4/graphql.html)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fhircore.graphql_tree import Document, Field, GraphQLError, Operation, Selection, Spread
from fhircore.validation.definitions import resource_types, shape

MAX_DEPTH = 15  # objects within objects
MAX_FIELDS = 20_000  # fields of a query with its fragments put in
QUERY, CONNECTION, EDGE, ANY = "Query", "Connection", "Edge", ""  # types that are not FHIR's; ANY: some resource
_PAGE = ("count", "offset", "pagesize", "first", "previous", "next", "last")
DIRECTIVES = ("include", "skip", "flatten", "first", "singleton", "slice")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A field of a type: what kind it is, and the type of what it holds (ANY: known when it is there)."""

    kind: str  # scalar, element, reference, one, list, connection
    type: str = ""
    many: bool = False


@lru_cache(maxsize=4096)
def meaning(path: str, name: str) -> Meaning | None:
    """The meaning of this field of this type; None when there is none."""
    if name == "__typename":
        return Meaning("scalar")
    if path in _OURS:
        return _OURS[path](name)
    if path == "Reference" and name == "resource":
        return Meaning("reference")
    if path in resource_types():
        found = Meaning("scalar") if name == "resourceType" else _searched(name)
        if found is not None:
            return found
    return _element(path, name)


def _element(path: str, name: str) -> Meaning | None:
    known = shape(path)
    field = known.fields.get(name)
    if field is None:
        base = known.extended(name)
        return None if base is None else Meaning("element", "Element", base.many)
    if field.primitive:
        return Meaning("scalar", field.type, field.many)
    return Meaning("element", ANY if field.type == "Resource" else field.type, field.many)


def _at_base(name: str) -> Meaning | None:
    return Meaning("one", name) if name in resource_types() else _searched(name)


def _of_connection(name: str) -> Meaning | None:
    return Meaning("element", EDGE, many=True) if name == "edges" else Meaning("scalar") if name in _PAGE else None


def _of_edge(name: str) -> Meaning | None:
    return Meaning("element", ANY) if name == "resource" else Meaning("scalar") if name in ("mode", "score") else None


_OURS = {QUERY: _at_base, CONNECTION: _of_connection, EDGE: _of_edge}


def _searched(name: str) -> Meaning | None:
    for ending, kind in (("List", "list"), ("Connection", "connection")):
        type_name = name.removesuffix(ending)
        if type_name != name and type_name in resource_types():
            return Meaning(kind, type_name, many=kind == "list")
    return None


def applies(condition: str, path: str) -> bool:
    """Whether a fragment on this type is meant for an object of that type."""
    if condition in ("", path, "Element") or condition == _named(path):
        return True
    return condition in ("Resource", "DomainResource") and (path in resource_types() or path == ANY)


def _named(path: str) -> str:
    """A backbone as the schema calls it: PatientContact."""
    first, *rest = path.split(".")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def check(document: Document, operation: Operation, root: str) -> None:
    """Raises GraphQLError, naming the first field, directive or fragment that is none. `root`: a resource type, or QUERY."""
    _Check(document).selections(operation.selections, root, 0, ())


class _Check:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen = 0

    def selections(self, selections: Sequence[Selection], path: str, depth: int, spreads: tuple[str, ...]) -> None:
        if depth > MAX_DEPTH:
            raise GraphQLError(f"The query asks for objects more than {MAX_DEPTH} deep", code="too-costly")
        for one in selections:
            self.seen += 1
            if self.seen > MAX_FIELDS:
                raise GraphQLError(f"The query asks for more than {MAX_FIELDS} fields", code="too-costly")
            _directives(one)
            if isinstance(one, Field):
                self.field(one, path, depth, spreads)
                continue
            fragment = spread(self.document, one)
            if one.name in spreads:
                raise GraphQLError(f"The fragment {one.name} contains itself")
            inner = (*spreads, one.name) if one.name else spreads
            kind = fragment.type
            into = kind if path == ANY and kind in resource_types() else path
            if applies(kind, into):
                self.selections(fragment.selections, into, depth + bool(one.name), inner)

    def field(self, field: Field, path: str, depth: int, spreads: tuple[str, ...]) -> None:
        if field.name in ("__schema", "__type"):
            text = "Introspection is not served: the types are those of FHIR R4, see the CapabilityStatement"
            raise GraphQLError(text, field.line, field.column, code="not-supported")
        if path == ANY:  # which fields there are is known when the resource is; until then, how deep it goes
            self.selections(field.selections, ANY, depth + 1, spreads)
            return
        found = meaning(path, field.name)
        if found is None:
            raise unknown(field, path)
        scalar = found.kind == "scalar"
        if scalar and field.selections:
            raise GraphQLError(f"{field.name} is a plain value and has no fields", field.line, field.column)
        if not scalar and not field.selections:
            raise GraphQLError(f"{field.name} is an object: say which of its fields", field.line, field.column)
        if not scalar:
            self.selections(
                field.selections, CONNECTION if found.kind == "connection" else found.type, depth + 1, spreads
            )


def spread(document: Document, one: Spread) -> Spread:
    """The fragment that is meant. Raises GraphQLError when there is none of that name."""
    if not one.name:
        return one
    found = document.fragments.get(one.name)
    if found is None:
        raise GraphQLError(f"There is no fragment {one.name}")
    return found


def unknown(field: Field, path: str) -> GraphQLError:
    """The refusal of a field that this type does not have."""
    what = "the base address" if path == QUERY else path
    return GraphQLError(f"{what} has no field {field.name[:60]}", field.line, field.column)


def _directives(one: Selection) -> None:
    names = [directive.name for directive in one.directives]
    for name in names:
        if name not in DIRECTIVES or (isinstance(one, Spread) and name not in ("include", "skip")):
            raise GraphQLError(f"The directive @{name[:60]} is not known here", code="not-supported")
    if "slice" in names and "flatten" not in names:
        raise GraphQLError("@slice names what @flatten lifts: use both")
