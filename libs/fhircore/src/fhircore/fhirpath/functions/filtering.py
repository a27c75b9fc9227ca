"""Functions whose arguments are evaluated for each item (http://hl7.org/fhirpath/N1/index.html#filtering-and-projection)."""

from collections.abc import Iterator
from functools import cmp_to_key
from typing import Any

from fhircore.fhirpath.equality import Seen, order
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.runtime import Env, Evaluate, Items, limited
from fhircore.fhirpath.values import one, system, text, truth


def each(env: Env, items: Items, evaluate: Evaluate) -> Iterator[tuple[Any, Items]]:
    """Every item with what the expression gives for it."""
    inner = env.inner([])
    env.run.spend(len(items))
    for inner.index, item in enumerate(items):
        inner.this = [item]
        yield item, evaluate(inner)


@function("where", 1, lazy=True)
def where(env: Env, items: Items, criteria: Evaluate) -> Items:
    return [item for item, found in each(env, items, criteria) if found and truth(found, "where()")]


@function("select", 1, lazy=True)
def select(env: Env, items: Items, projection: Evaluate) -> Items:
    out: Items = []
    for _, found in each(env, items, projection):
        out += found
        limited(out)
    return out


@function("exists", 0, 1, lazy=True)
def exists(env: Env, items: Items, criteria: Evaluate | None = None) -> Items:
    if criteria is None:
        return [bool(items)]
    return [any(truth(found, "exists()") for _, found in each(env, items, criteria))]


@function("all", 1, lazy=True)
def every(env: Env, items: Items, criteria: Evaluate) -> Items:
    return [all(truth(found, "all()") for _, found in each(env, items, criteria))]


@function("repeat", 1, lazy=True)
def repeat(env: Env, items: Items, projection: Evaluate) -> Items:
    out: Items = []
    seen = Seen()
    todo = items
    while todo:
        found = [result for _, results in each(env, todo, projection) for result in results]
        todo = [item for item in found if seen.add(item)]
        out += todo
        limited(out)
    return out


@function("repeatAll", 1, lazy=True)
def repeat_all(env: Env, items: Items, projection: Evaluate) -> Items:
    """As repeat(), but duplicates stay."""
    out: Items = []
    todo = items
    while todo:
        todo = [result for _, results in each(env, todo, projection) for result in results]
        out += todo
        limited(out)
    return out


@function("coalesce", 1, 64, lazy=True)
def coalesce(env: Env, items: Items, *choices: Evaluate) -> Items:
    return next((found for choice in choices if (found := choice(env))), [])


@function("aggregate", 1, 2, lazy=True)
def aggregate(env: Env, items: Items, step: Evaluate, start: Evaluate | None = None) -> Items:
    inner = env.inner([])
    inner.total = start(env) if start else []
    env.run.spend(len(items))
    for inner.index, item in enumerate(items):
        inner.this = [item]
        inner.total = step(inner)
    return inner.total


@function("iif", 2, 3, lazy=True)
def iif(env: Env, items: Items, test: Evaluate, then: Evaluate, otherwise: Evaluate | None = None) -> Items:
    if len(items) > 1:
        raise PathError("iif() needs at most one item.")
    inner = env.inner(items or env.this)
    inner.index = env.index
    decision = one(test(inner), "The criterion of iif()")
    if decision is not None and decision.__class__ is not bool:
        raise PathError("The criterion of iif() must be a boolean.")
    if decision:
        return then(inner)
    return otherwise(inner) if otherwise else []


@function("trace", 1, 2, lazy=True)
def trace(env: Env, items: Items, name: Evaluate, projection: Evaluate | None = None) -> Items:
    """Tells the hook, and nobody when there is none: values are not logged here."""
    if env.run.hooks.trace is not None:
        shown = items if projection is None else [value for _, found in each(env, items, projection) for value in found]
        env.run.hooks.trace(str(one(name(env), "trace()")), [system(value) for value in shown])
    return items


@function("sort", 0, 16, lazy=True)
def sort(env: Env, items: Items, *keys: Evaluate) -> Items:
    """By the keys in turn, downwards where the compiler marked one so; items without a key are last, downwards first."""
    if not keys:
        keys = (lambda inner: inner.this,)
    columns = [[one(found, "sort()") for _, found in each(env, items, key)] for key in keys]
    down = [getattr(key, "descending", False) for key in keys]

    def compare(left: int, right: int) -> int:
        for column, descending in zip(columns, down, strict=True):
            found = _order(column[left], column[right])
            if found:
                return -found if descending else found
        return 0

    return [items[at] for at in sorted(range(len(items)), key=cmp_to_key(compare))]


def _order(left: Any, right: Any) -> int:
    if left is None or right is None:
        return (left is None) - (right is None)
    return order(left, right) or 0


_RESERVED = ("context", "resource", "rootResource", "sct", "loinc", "ucum", "terminologies", "factory")


@function("defineVariable", 1, 2, lazy=True)
def define_variable(env: Env, items: Items, name: Evaluate, value: Evaluate | None = None) -> Items:
    """`%name` for the rest of this path: the input, or what the expression gives for it."""
    called = text(name(env), "defineVariable()")
    if not called or called in env.names or called in env.run.variables or called in _RESERVED:
        raise PathError("defineVariable() needs a name that is not in use.")
    env.names = {**env.names, called: items if value is None else value(env.inner(items))}
    return items
