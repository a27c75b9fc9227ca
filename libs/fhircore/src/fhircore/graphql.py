"""GraphQL over resources, as a pure function (http://hl7.org/fhir/R4/graphql.html).

What a query needs beside its root, referenced resources and searches, is told as `needs`; the caller fetches them, all at once,
and runs the query again with what it found: no resource is fetched twice, and nothing here waits. As the official tests have
it, what is absent is left out (never null), and a field asked for twice in one place is there twice, as a list; where fragments
ask for the same field, their selections are put together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhircore.graphql_check import ANY, CONNECTION, QUERY, Meaning, applies, meaning, spread, unknown
from fhircore.graphql_model import Data, Known, Need, Page, Read, Search, connection, contained, type_of
from fhircore.graphql_picking import slice_of, some, test_of
from fhircore.graphql_query import Query, prepare
from fhircore.graphql_searching import pairs
from fhircore.graphql_tree import Directive, Field, GraphQLError, Selection, Variable

__all__ = ["Query", "execute", "prepare"]

MAX_VALUES = 50_000  # values in an answer


def execute(query: Query, root: Data | None, known: Known) -> tuple[Data, list[Need]]:
    """The answer as far as it can be given with what is known, and what is needed for the rest. Raises GraphQLError."""
    run = _Run(query, known)
    if root is None:
        out = run.object(query.selections, _At({}, QUERY, {}))
    else:
        out = run.object(query.selections, _At(root, root["resourceType"], root))
    return out, list(run.needs)


@dataclass(frozen=True, slots=True)
class _At:
    """Where the run stands: a value of this type, in this resource."""

    value: Any
    path: str
    resource: Data


@dataclass(slots=True)
class _Out:
    """Where values go. `flat`: they are lifted into an object above, as lists, their names ending in `suffix`."""

    data: Data
    flat: bool = False
    suffix: str = ""


@dataclass(slots=True)
class _Run:
    query: Query
    known: Known
    needs: dict[Need, None] = field(default_factory=dict)
    values: int = 0

    def object(self, selections: Sequence[Selection], at: _At) -> Data:
        out = _Out({})
        self.fill(out, selections, at)
        return out.data

    def fill(self, out: _Out, selections: Sequence[Selection], at: _At) -> None:
        for one, inner, again in self.collected(selections, at.path):
            found = meaning(at.path, one.name)
            if found is None:
                raise unknown(one, at.path)
            if found.kind == "scalar":
                self.put(out, one, self.picked(one, found, at, self.scalars(one, at)), found.many)
                continue
            if not inner:
                raise GraphQLError(f"{one.name} is an object: say which of its fields", one.line, one.column)
            items = [*self.items(one, found, at)]
            if one.directive("flatten"):
                self.flatten(out, one, inner, items)
            else:
                values = [self.object(inner, item) for item in items]
                self.put(out, one, values, found.many or again)

    def collected(self, selections: Sequence[Selection], path: str) -> list[tuple[Field, tuple[Selection, ...], bool]]:
        """The fields to answer, in order, with their selections, and whether the field is there twice."""
        found: list[tuple[Field, list[Selection], int]] = []
        self._collect(selections, path, found, [0], 0)
        keys = [one.key for one, _, _ in found]
        return [(one, tuple(inner), keys.count(one.key) > 1) for one, inner, _ in found]

    def _collect(
        self, selections: Sequence[Selection], path: str, found: list[tuple[Field, list[Selection], int]],
        last: list[int], source: int,
    ) -> None:  # fmt: skip
        for one in selections:
            if not self.included(one.directives):
                continue
            if isinstance(one, Field):
                self._enter(one, found, source)
                continue
            fragment = spread(self.query.document, one)
            if applies(fragment.type, path):
                last[0] += 1
                self._collect(fragment.selections, path, found, last, last[0])

    def _enter(self, one: Field, found: list[tuple[Field, list[Selection], int]], source: int) -> None:
        for other, inner, where in found:
            if other.key != one.key:
                continue
            if (other.name, other.arguments, other.directives) != (one.name, one.arguments, one.directives):
                raise GraphQLError(f"{one.key} is asked for in two ways: give one of them a name", one.line, one.column)
            if where != source or not one.selections:
                inner.extend(one.selections)
                return
        found.append((one, list(one.selections), source))

    def included(self, directives: Sequence[Directive]) -> bool:
        for one in directives:
            if one.name in ("include", "skip"):
                wanted = self.value(one.arguments.get("if"))
                if not isinstance(wanted, bool):
                    raise GraphQLError(f"@{one.name} needs if: true or false")
                if wanted != (one.name == "include"):
                    return False
        return True

    def value(self, given: Any) -> Any:
        """An argument with its variables put in."""
        if isinstance(given, Variable):
            if given.name not in self.query.variables:
                raise GraphQLError(f"There is no variable ${given.name}")
            return self.query.variables[given.name]
        return [self.value(one) for one in given] if isinstance(given, list) else given

    def scalars(self, one: Field, at: _At) -> list[Any]:
        if one.name == "__typename":
            return [at.path]
        value = at.value.get(one.name)
        return [item for item in value if item is not None] if isinstance(value, list) else some(value)

    def items(self, one: Field, found: Meaning, at: _At) -> Iterator[_At]:
        """The objects a field holds."""
        match found.kind:
            case "element":
                values = at.value.get(one.name)
                values = [v for v in values if v is not None] if isinstance(values, list) else some(values)
                for value in self.picked(one, found, at, values):
                    path = found.type if found.type != ANY else value["resourceType"]
                    yield _At(value, path, value if found.type == ANY else at.resource)
            case "reference":
                yield from self.resolved(one, at)
            case "one":
                yield from self.one(one, found.type)
            case "list" | "connection":
                id, document = str(at.value.get("id", "")), self.query.document
                wanted = pairs(one, found, at.path, id, self.value, document)
                page = self.known_of(Search(found.type, wanted))
                if isinstance(page, Page) and found.kind == "list":
                    yield from self.first(one, [_At(r, found.type, r) for r in page.resources])
                elif isinstance(page, Page):
                    yield _At(connection(page), CONNECTION, at.resource)

    def picked(self, one: Field, found: Meaning, at: _At, values: list[Any]) -> list[Any]:
        """Of these values those that the arguments and @first want."""
        if one.arguments and not found.many:
            raise GraphQLError(f"{one.name} is no list, so nothing can be picked of it", one.line, one.column)
        offset, count = 0, None
        for name, given in one.arguments.items():
            wanted = self.value(given)
            if name in ("_offset", "_count"):
                if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
                    raise GraphQLError(f"{name} is a whole number", one.line, one.column)
                offset, count = (wanted, count) if name == "_offset" else (offset, wanted)
                continue
            test = test_of(one, found, name, wanted)
            values = [value for value in values if test(value)]
        return self.first(one, values[offset:] if count is None else values[offset : offset + count])

    def first(self, one: Field, values: list[Any]) -> list[Any]:
        return values[:1] if one.directive("first") else values

    def resolved(self, one: Field, at: _At) -> Iterator[_At]:
        given = {name: self.value(value) for name, value in one.arguments.items()}
        for name in given:
            if name not in ("type", "optional"):
                raise GraphQLError(f"resource has no argument {name[:60]}", one.line, one.column)
        reference = at.value.get("reference")
        wanted = given.get("type")
        if isinstance(reference, str) and wanted is not None and type_of(reference) not in (None, wanted):
            return
        found = None
        if isinstance(reference, str):
            found = contained(reference, at.resource) if reference[:1] == "#" else self.known_of(Read(reference))
        if isinstance(found, dict):
            if wanted in (None, found["resourceType"]):
                inside = reference is not None and reference[:1] == "#"
                yield _At(found, found["resourceType"], at.resource if inside else found)
        elif found is None and given.get("optional") is not True:
            raise GraphQLError(
                f"The reference {str(reference)[:100]} cannot be resolved", one.line, one.column, code="not-found"
            )

    def one(self, one: Field, type_name: str) -> Iterator[_At]:
        id = self.value(one.arguments.get("id", one.arguments.get("_id")))
        if len(one.arguments) != 1 or not isinstance(id, str | int):
            raise GraphQLError(f"{type_name} needs one argument, id", one.line, one.column)
        found = self.known_of(Read(f"{type_name}/{id}"))
        if isinstance(found, dict):
            yield _At(found, type_name, found)
        elif found is None:
            raise GraphQLError(f"There is no {type_name}/{str(id)[:64]}", one.line, one.column, code="not-found")

    def known_of(self, need: Need) -> Any:
        """What is known of it: None when it is not there, False when that is not known yet."""
        if need in self.known:
            return self.known[need]
        self.needs[need] = None
        return False

    def flatten(self, out: _Out, one: Field, inner: Sequence[Selection], items: Sequence[_At]) -> None:
        slicing = one.directive("slice")
        path = None if slicing is None else self.value(slicing.arguments.get("path"))
        if slicing is not None and not isinstance(path, str):
            raise GraphQLError("@slice needs a path", one.line, one.column)
        for place, item in enumerate(items):
            suffix = "" if path is None else "." + (slice_of(path, item.value, item.path, place, one) or "")
            self.fill(_Out(out.data, flat=True, suffix=out.suffix + suffix.rstrip(".")), inner, item)

    def put(self, out: _Out, one: Field, values: list[Any], many: bool) -> None:
        """Enters the values, if there are any, as a list or alone."""
        self.values += len(values)
        if self.values > MAX_VALUES:
            raise GraphQLError(f"The answer has more than {MAX_VALUES} values; ask for less", code="too-costly")
        key = one.key + out.suffix
        if not values:
            return
        if one.directive("singleton") or not (many or out.flat):
            if len(values) > 1 or key in out.data:
                raise GraphQLError(f"{key} has several values and was to have one", one.line, one.column)
            out.data[key] = values[0]
        else:
            out.data.setdefault(key, []).extend(values)
