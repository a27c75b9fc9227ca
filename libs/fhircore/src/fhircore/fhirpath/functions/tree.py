"""Navigation, types and the clock (http://hl7.org/fhirpath/N1/index.html#tree-navigation)."""

from decimal import Decimal
from typing import Any

from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.model import Node, TypeInfo, children, type_info
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.quantity import Quantity
from fhircore.fhirpath.runtime import Env, Items, limited

_NAMES: dict[Any, str] = {bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", Quantity: "Quantity"}


@function("children")
def children_of(env: Env, items: Items) -> Items:
    return [child for item in items if item.__class__ is Node for child in children(item)]


@function("descendants")
def descendants(env: Env, items: Items) -> Items:
    out: Items = []
    level = items
    while level:
        level = children_of(env, level)
        out += level
        env.run.spend(len(level))
        limited(out)
    return out


@function("type")
def types(env: Env, items: Items) -> Items:
    return [type_info(item) if item.__class__ is Node else TypeInfo("System", system_type(item)) for item in items]


def system_type(value: Any) -> str:
    """The name of a System value's type."""
    return str(value.kind) if value.__class__ is Moment else _NAMES.get(value.__class__, "Any")


@function("now")
def now(env: Env, items: Items) -> Items:
    at = env.run.now()
    offset = at.utcoffset()
    zone = None if offset is None else round(offset.total_seconds() / 60)
    return [Moment("DateTime", (*at.timetuple()[:5], _seconds(at)), zone)]


@function("today")
def today(env: Env, items: Items) -> Items:
    return [Moment("Date", tuple(env.run.now().timetuple()[:3]))]


@function("timeOfDay")
def time_of_day(env: Env, items: Items) -> Items:
    at = env.run.now()
    return [Moment("Time", (at.hour, at.minute, _seconds(at)))]


def _seconds(at: Any) -> Decimal:
    return Decimal(at.second) + Decimal(at.microsecond // 1000).scaleb(-3)
