"""A syntax tree → one Python function made of closures (http://hl7.org/fhirpath/N1/index.html#expressions)."""

from collections.abc import Callable

from fhircore.fhirpath.arithmetic import negative, positive
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions import FUNCTIONS
from fhircore.fhirpath.hierarchy import is_a
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.navigation import named, narrowed
from fhircore.fhirpath.operators import OPERATORS
from fhircore.fhirpath.runtime import Env, Evaluate, Items, StepFunction
from fhircore.fhirpath.syntax import (
    Binary,
    Call,
    Dollar,
    Expression,
    Index,
    Literal,
    Name,
    Path,
    Step,
    TypeTest,
    Unary,
    Variable,
)
from fhircore.fhirpath.type_tests import TYPE_STEPS
from fhircore.fhirpath.values import integer, truth
from fhircore.fhirpath.variables import literal, variable


def build(tree: Expression) -> Evaluate:
    """The function of a whole expression or of an argument."""
    match tree:
        case Literal():
            return literal(tree.value)
        case Name():
            return _start(tree.name)
        case Variable():
            return variable(tree.name)
        case Dollar():
            return _DOLLARS[tree.name]
        case Call():
            return _call_on_focus(tree)
        case Path():
            return _path(tree)
        case Unary():
            operand, apply = build(tree.operand), negative if tree.sign == "-" else positive
            return lambda env: apply(operand(env))
        case Binary():
            return _binary(tree)
        case TypeTest():
            operand, step = build(tree.operand), TYPE_STEPS[tree.operator](tree.type)
            return lambda env: step(env, operand(env))


_DOLLARS: dict[str, Evaluate] = {
    "$this": lambda env: env.this,
    "$index": lambda env: [env.index] if env.index >= 0 else [],
    "$total": lambda env: env.total,
}


def _start(name: str) -> Evaluate:
    """The first name of a path: a type's name is the focus itself when it is of that type."""
    step = named(name)
    if not name[:1].isupper():
        return lambda env: step(env, env.this)

    def begin(env: Env) -> Items:
        this = env.this
        if len(this) == 1 and this[0].__class__ is Node and this[0].type == name:
            return this
        rest = [item for item in this if item.__class__ is Node and is_a(item.type, name)]
        return rest or step(env, this)

    return begin


def _call_on_focus(tree: Call) -> Evaluate:
    """A function without anything before it works on the focus."""
    step = _call(tree)
    if _gives_name(tree):
        # nothing comes after it that could know the name
        return lambda env: step(env.inner(env.this), env.this)
    return lambda env: step(env, env.this)


def _path(tree: Path) -> Evaluate:
    steps = _steps(tree)
    if any(_gives_name(step) for step in (tree.target, *tree.steps)):
        return _path_with_names(tree.target, steps)
    target = build(tree.target)
    if len(steps) == 1:
        (only,) = steps
        return lambda env: only(env, target(env))

    def follow(env: Env) -> Items:
        items = target(env)
        for step in steps:
            items = step(env, items)
        return items

    return follow


def _path_with_names(target: Expression, steps: tuple[StepFunction, ...]) -> Evaluate:
    """Names that a step gives are known to the steps after it, and to nobody else."""
    if isinstance(target, Call) and _gives_name(target):
        begin, steps = build(Dollar("$this")), (_call(target), *steps)
    else:
        begin = build(target)

    def follow(env: Env) -> Items:
        inner = env.inner(env.this)
        inner.index = env.index
        items = begin(inner)
        for step in steps:
            items = step(inner, items)
        return items

    return follow


def _gives_name(step: Expression | Step) -> bool:
    return isinstance(step, Call) and step.name == "defineVariable"


def _steps(tree: Path) -> tuple[StepFunction, ...]:
    """The steps; `name.ofType(T)` becomes one that looks for T only."""
    found: list[StepFunction] = []
    at = 0
    while at < len(tree.steps):
        step = tree.steps[at]
        after = tree.steps[at + 1] if at + 1 < len(tree.steps) else None
        if isinstance(step, Name) and isinstance(after, Call) and after.name == "ofType" and len(after.arguments) == 1:
            found.append(narrowed(step.name, _type_argument(after)))
            at += 2
            continue
        found.append(_step(step))
        at += 1
    return tuple(found)


def _step(step: Step) -> StepFunction:
    match step:
        case Name():
            return named(step.name)
        case Index():
            at = build(step.at)

            def pick(env: Env, items: Items) -> Items:
                index = integer(at(env), "[ ]")
                return [items[index]] if index is not None and 0 <= index < len(items) else []

            return pick
        case Call():
            return _call(step)


def _call(tree: Call) -> StepFunction:
    if tree.name in TYPE_STEPS:
        return TYPE_STEPS[tree.name](_type_argument(tree))
    found = FUNCTIONS.get(tree.name)
    if found is None:
        raise PathError(f"There is no function {tree.name}().")
    if not found.least <= len(tree.arguments) <= found.most:
        raise PathError(f"{tree.name}() does not take {len(tree.arguments)} arguments.")
    if tree.name == "sort":
        return _lazy(found.call, tuple(map(_sort_key, tree.arguments)))
    if tree.name == "getReferenceKey" and tree.arguments and isinstance(tree.arguments[0], Name):
        arguments: tuple[Evaluate, ...] = (literal(tree.arguments[0].name),)
    else:
        arguments = tuple(build(argument) for argument in tree.arguments)
    if found.lazy:
        return _lazy(found.call, arguments)
    return _eager(found.call, arguments)


def _lazy(call: Callable[..., Items], arguments: tuple[Evaluate, ...]) -> StepFunction:
    return lambda env, items: call(env, items, *arguments)


def _eager(call: Callable[..., Items], arguments: tuple[Evaluate, ...]) -> StepFunction:
    if not arguments:
        return call
    if len(arguments) == 1:
        (only,) = arguments
        return lambda env, items: call(env, items, only(env))
    return lambda env, items: call(env, items, *[argument(env) for argument in arguments])


def _sort_key(argument: Expression) -> Evaluate:
    """`-key` sorts downwards, also where key is a string."""
    descending = isinstance(argument, Unary) and argument.sign == "-"
    inner = build(argument.operand if descending and isinstance(argument, Unary) else argument)

    def key(env: Env) -> Items:
        return inner(env)

    key.descending = descending  # type: ignore[attr-defined]
    return key


def _binary(tree: Binary) -> Evaluate:
    left, right, apply = build(tree.left), build(tree.right), OPERATORS[tree.operator]
    decided = {"and": False, "implies": False, "or": True}.get(tree.operator)
    if decided is None:
        return lambda env: apply(left(env), right(env))
    answer = [tree.operator != "and"]

    def either(env: Env) -> Items:
        """The right side is not asked when the left decides."""
        found = left(env)
        return answer if truth(found, tree.operator) is decided else apply(found, right(env))

    return either


def _type_argument(tree: Call) -> str:
    argument = tree.arguments[0] if len(tree.arguments) == 1 else None
    if not isinstance(argument, Literal) or argument.value.__class__ is not str:
        raise PathError(f"{tree.name}() takes the name of one type.")
    return str(argument.value)
