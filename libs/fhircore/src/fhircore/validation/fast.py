"""The fast yes: for each type one closure that answers true only for what is certainly valid, and builds no paths.

A false is not a verdict. It means *look closer*: walk.py then finds the issues, or finds none for padding with null,
extensions of primitives, references to the resource itself, or deep recursion. So nothing here can refuse anything
wrongly, and the tests hold both against each other.

How one element is checked: its keys are looked up in a table of (test, weight); the weights add up to one number in
which each required element and each choice has bits of its own, so that "all required are there, at most one
value[x], not empty" is one comparison.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from fhircore.validation.definitions import Field, Shape, codes, pairs, resource_types, shape
from fhircore.validation.invariants import rules_of
from fhircore.validation.local import contained_test, self_contained
from fhircore.validation.primitives import CHECKS, FORMATS, LANGUAGE, Check
from fhircore.validation.references import reference_check, type_agrees, type_check

LEVELS = 3  # recursion (extensions in extensions, items in items) that the fast path follows
_BUNDLING = frozenset(["Bundle", "Parameters"])
_COUNT_BITS = 10  # more than any type has elements
_CHOICE_BITS = 6  # more than any choice has variants

Table = dict[str, tuple[Check, int]]


def _refuse(_value: Any) -> bool:
    return False


def is_valid(path: str, value: Any) -> bool:
    """True when this value certainly is a valid element of that type; false when it needs a closer look."""
    test = fast(path)
    try:
        return self_contained(value, test) if path in resource_types() else bool(test(value))
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError):
        return False


@cache
def fast(path: str, level: int = 0, targets: tuple[str, ...] = ()) -> Check:
    """The compiled test for a type or backbone; it may raise instead of answering false.

    `targets` are the types that a Reference may point to; none means any.
    """
    form = shape(path)
    weights, mask, want = _weights(form)
    table: Table = {name: (_field(field, form, level), weights[name]) for name, field in form.fields.items()}
    table.update(_extended(form, level))
    if path == "Reference":
        table["reference"] = (reference_check(targets), weights["reference"])
        table["type"] = (type_check(targets), weights["type"])
    if path in resource_types():
        table["resourceType"] = (frozenset([path]).__contains__, 1)
    rules = tuple(rules_of(path).values())
    return _object(table, mask, want, (type_agrees,) if path == "Reference" else rules)


def _weights(form: Shape) -> tuple[dict[str, int], int, int]:
    """(weight by JSON name, mask, wanted value): every key but id counts one; requirements are above."""
    weights = {name: int(name != "id") for name in form.fields}
    mask = want = 0
    bit = _COUNT_BITS
    for base in form.required:
        if base not in form.choices:
            weights[base] += 1 << bit
            mask |= 1 << bit
            want |= 1 << bit
            bit += 1
    for base, variants in form.choices.items():
        for name in variants:
            weights[name] += 1 << bit
        whole = ((1 << _CHOICE_BITS) - 1) << bit
        required = base in form.required
        mask |= whole if required else whole ^ (1 << bit)
        want |= (1 << bit) if required else 0
        bit += _CHOICE_BITS
    return weights, mask, want


def _object(table: Table, mask: int, want: int, rules: tuple[Callable[[dict[str, Any]], Any], ...]) -> Check:
    def plain(element: Any) -> Any:
        total = 0
        for name, value in element.items():
            test, weight = table[name]
            if not test(value):
                return False
            total += weight
        return total and total & mask == want

    if len(rules) == 1:
        return _object_with_rule(table, mask, want, rules[0])

    def ruled(element: Any) -> Any:
        if not plain(element):
            return False
        for rule in rules:  # noqa: SIM110 (a generator costs three times the loop)
            if not rule(element):
                return False
        return True

    return ruled if rules else plain


def _object_with_rule(table: Table, mask: int, want: int, rule: Callable[[dict[str, Any]], Any]) -> Check:
    """The same with one rule, without the calls in between: extensions, codings and quantities are met most."""

    def check(element: Any) -> Any:
        total = 0
        for name, value in element.items():
            test, weight = table[name]
            if not test(value):
                return False
            total += weight
        return total and total & mask == want and rule(element)

    return check


def _many(one: Check) -> Check:
    def check(values: Any) -> bool:
        if values.__class__ is not list or not values:
            return False
        for value in values:  # noqa: SIM110 (a generator costs three times the loop)
            if not one(value):
                return False
        return True

    return check


def _extended(form: Shape, level: int) -> Table:
    """Tests of `_birthDate` where nothing else depends on it: single, optional primitives that are no choice."""
    found = [form.extended("_" + name) for name in form.fields]
    simple = [field for field in found if field and not field.many and not field.required and field.base == field.name]
    return {"_" + field.name: (fast("Element", level), 1) for field in simple}


def _field(field: Field, form: Shape, level: int) -> Check:
    one = _one(field, form, level)
    return _many(one) if field.many else one


def _one(field: Field, form: Shape, level: int) -> Check:
    """The test of a single value of this field."""
    if field.name == "contained":
        return contained_test(_plain_resource)
    if field.primitive:
        return primitive_check(field, form)
    if field.type == "Resource":
        return _nested
    if recursive(field, form):
        level += 1
    if level > LEVELS:
        return _refuse
    inner = fast(field.type, level, field.targets)
    bound = pairs(field.binding) if field.binding else None
    if bound is None:
        return inner
    return lambda value: inner(value) and in_value_set(field.type, value, bound)


def recursive(field: Field, form: Shape) -> bool:
    """True for the steps that every endless nesting must take."""
    backbone = "." in field.type and not field.type.startswith(form.path + ".")
    return (
        field.type == "Extension"
        or backbone
        or field.type == form.path
        or (field.type, form.path) == ("Reference", "Identifier")
    )


def _nested(resource: Any) -> Any:
    return self_contained(resource, _plain_resource(resource["resourceType"]))


def _plain_resource(kind: str) -> Check:
    """The test of a resource in another one; what holds resources itself is left to the walk."""
    return fast(kind) if kind in resource_types() and kind not in _BUNDLING else _refuse


def primitive_check(field: Field, form: Shape) -> Check:
    """The test of a primitive: its format, and the codes of a required binding."""
    if field.type == "code" and field.binding:
        listed = codes(field.binding)
        if listed is not None:
            return listed.__contains__
        pattern = FORMATS.get(field.binding)
        if pattern is not None:
            return pattern
    if (
        field.name == "language"
        and field.type == "code"
        and (form.path in resource_types() or form.path == "Attachment")
    ):
        return LANGUAGE
    return CHECKS[field.type]


def in_value_set(kind: str, value: dict[str, Any], bound: frozenset[tuple[str, str]]) -> bool:
    """True when the Coding, or one coding of the CodeableConcept, is in the value set."""
    codings = [value] if kind == "Coding" else value.get("coding", ())
    if not codings and "text" not in value:
        return True  # only an extension, which says why there is no code
    return any((coding.get("system"), coding.get("code")) in bound for coding in codings)
