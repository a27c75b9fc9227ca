"""FHIRPath for FHIR R4: an expression becomes a Python function, once (http://hl7.org/fhirpath/N1/)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fhircore.fhirpath.check import check
from fhircore.fhirpath.compiler import build
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.model import Node, TypeInfo, node
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.parser import parse
from fhircore.fhirpath.quantity import Quantity
from fhircore.fhirpath.runtime import NO_HOOKS, Env, Evaluate, Hooks, Items, Run
from fhircore.fhirpath.values import one

__all__ = [
    "Hooks",
    "Moment",
    "Node",
    "PathError",
    "Quantity",
    "TypeInfo",
    "compile_nodes",
    "compile_path",
    "compile_test",
    "node",
]

Evaluator = Callable[..., Items]


@lru_cache(maxsize=8192)
def _built(expression: str, type_name: str | None, strict: bool) -> Evaluate:
    tree = parse(expression)
    if strict:
        check(tree, type_name or "")
    return build(tree)


@lru_cache(maxsize=8192)
def compile_nodes(expression: str, *, type_name: str | None = None, strict: bool = False) -> Evaluator:
    """The expression as `evaluate(resource_or_node, *, hooks=Hooks(), **variables) -> list of Node and System values`.

    type_name  the type of what will be given, where that is not a resource that says so itself
    strict     refuse element names that this type does not have, paths that begin with another type, and functions of
               order where there is none (type_name must then be given)
    Raises PathError here for what is no FHIRPath; `evaluate` raises it for what fails on its input.
    """
    run, default = _built(expression, type_name, strict), type_name or ""

    def evaluate(resource: Any, *, hooks: Hooks = NO_HOOKS, **variables: Any) -> Items:
        context = node(resource, default)
        return run(Env([context], Run(context, hooks, variables)))

    return evaluate


@lru_cache(maxsize=8192)
def compile_path(expression: str, *, type_name: str | None = None, strict: bool = False) -> Evaluator:
    """As compile_nodes, but the function answers with plain values: JSON of elements, System values as they are.

    Elements that have extensions but no value are left out.
    """
    run, default = _built(expression, type_name, strict), type_name or ""

    def evaluate(resource: Any, *, hooks: Hooks = NO_HOOKS, **variables: Any) -> Items:
        context = node(resource, default)
        found = run(Env([context], Run(context, hooks, variables)))
        return [value for item in found if (value := item.value if item.__class__ is Node else item) is not None]

    return evaluate


@lru_cache(maxsize=8192)
def compile_test(expression: str, *, type_name: str | None = None) -> Callable[..., bool]:
    """As compile_nodes, but the function answers whether the result is true, as an invariant asks: empty is not."""
    evaluate = compile_nodes(expression, type_name=type_name)

    def holds(resource: Any, **given: Any) -> bool:
        found = one(evaluate(resource, **given), "A condition")
        return found is not None and found is not False

    return holds
