"""FHIRPath for FHIR R4: an expression becomes a Python function, once (http://hl7.org/fhirpath/N1/).

All of FHIRPath N1 and of FHIR's additions, but elementDefinition() and slice(), which need profiles; of the next version
sort, defineVariable, coalesce, repeatAll, boundaries, precision and comparable. What an expression may cost is limited
(parser.MAX_LENGTH, runtime.MAX_WORK and its neighbours, functions/patterns.py), since patches carry expressions too.
"""

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


# Expressions come from outside too: long ones are not kept, so that the cache stays small whatever is sent.
MAX_CACHED = 400


def _built(expression: str, type_name: str, strict: bool) -> Evaluate:
    if strict:
        check(parse(expression), type_name)
    return _kept(expression) if len(expression) <= MAX_CACHED else build(parse(expression))


@lru_cache(maxsize=2048)
def _kept(expression: str) -> Evaluate:
    return build(parse(expression))


def compile_nodes(expression: str, *, type_name: str | None = None, strict: bool = False) -> Evaluator:
    """The expression as `evaluate(resource_or_node, *, hooks=Hooks(), **variables) -> list of Node and System values`.

    type_name  the type of what will be given, where that is not a resource that says so itself
    strict     refuse element names that this type does not have, paths that begin with another type, and functions of
               order where there is none (type_name must then be given)
    Raises PathError here for what is no FHIRPath; `evaluate` raises it for what fails on its input.
    """
    default = type_name or ""
    run = _built(expression, default, strict)

    def evaluate(resource: Any, *, hooks: Hooks = NO_HOOKS, **variables: Any) -> Items:
        context = node(resource, default)
        return [*run(Env([context], Run(context, hooks, variables)))]

    return evaluate


def compile_path(expression: str, *, type_name: str | None = None, strict: bool = False) -> Evaluator:
    """As compile_nodes, but the function answers with plain values: JSON of elements, System values as they are.

    Elements that have extensions but no value are left out.
    """
    default = type_name or ""
    run = _built(expression, default, strict)

    def evaluate(resource: Any, *, hooks: Hooks = NO_HOOKS, **variables: Any) -> Items:
        context = node(resource, default)
        found = run(Env([context], Run(context, hooks, variables)))
        return [value for item in found if (value := item.value if item.__class__ is Node else item) is not None]

    return evaluate


def compile_test(expression: str, *, type_name: str | None = None) -> Callable[..., bool]:
    """As compile_nodes, but the function answers whether the result is true, as an invariant asks: empty is not."""
    evaluate = compile_nodes(expression, type_name=type_name)

    def holds(resource: Any, **given: Any) -> bool:
        found = one(evaluate(resource, **given), "A condition")
        return found is not None and found is not False

    return holds
