"""Static check of an expression against the definitions (http://hl7.org/fhirpath/N1/index.html#type-safety-and-strict-evaluation).

Types are followed where they can be known; where they cannot (resolve(), variables of the caller), nothing is said.
"""

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.hierarchy import is_a, known_types, parent_type
from fhircore.fhirpath.model import element_names, entries
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
)

Types = frozenset[str] | None  # names of FHIR types; None: not known; empty: a System value

_SYSTEM: Types = frozenset()
_SAME = frozenset(
    ("where", "first", "last", "tail", "skip", "take", "single", "distinct", "trace", "exclude", "intersect", "sort")
)
_FOCUSED = frozenset(("where", "select", "all", "exists", "repeat", "sort", "trace"))
_NEEDS_ORDER = frozenset(("first", "last", "tail", "skip", "take"))
_WITHOUT_ORDER = frozenset(("children", "descendants"))
_UNKNOWN = frozenset(("children", "descendants", "resolve", "aggregate", "iif", "elementDefinition", "slice"))
_TEXT = frozenset(("startsWith", "endsWith", "contains", "matches", "length", "upper", "lower", "indexOf", "substring"))


def check(tree: Expression, type_name: str) -> None:
    """Raises PathError for what can never be: names the type does not have, and order where there is none."""
    _infer(tree, frozenset((type_name,)) if type_name else None)


def _infer(tree: Expression, focus: Types) -> Types:
    match tree:
        case Name():
            return _start(tree.name, focus)
        case Path():
            return _path(tree, focus)
        case Call():
            return _call(tree, focus, focus)
        case Dollar("$this"):
            return focus
        case Unary():
            return _infer(tree.operand, focus)
        case TypeTest():
            _infer(tree.operand, focus)
            return _SYSTEM if tree.operator == "is" else _narrowed(tree.type)
        case Binary():
            return _binary(tree, focus)
        case Literal():
            return _SYSTEM
    return None


def _binary(tree: Binary, focus: Types) -> Types:
    left, right = _infer(tree.left, focus), _infer(tree.right, focus)
    if tree.operator != "|":
        return _SYSTEM
    return None if left is None or right is None else left | right


def _start(name: str, focus: Types) -> Types:
    if focus is None or not name[:1].isupper():
        return _child(name, focus)
    kept = frozenset(found for found in focus if is_a(found, name))
    if not kept:
        raise PathError(f"The path begins with {name} but is asked of {_listed(focus)}.")
    return kept


def _child(name: str, parents: Types) -> Types:
    if not parents or not all(element_names(parent) or parent_type(parent) == "Element" for parent in parents):
        return None
    found = {entry.type for parent in parents for entry in entries(parent, name)}
    if not found:
        if any(name in ("extension", "id", "value") and not element_names(parent) for parent in parents):
            return frozenset(("Extension",)) if name == "extension" else _SYSTEM
        raise PathError(f"{_listed(parents)} has no element {name}.")
    return None if found & {"Resource"} else frozenset(found)


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "a System value"


def _path(tree: Path, focus: Types) -> Types:
    found = _infer(tree.target, focus)
    before: Expression | Step = tree.target
    for step in tree.steps:
        ordered = not (isinstance(before, Call) and before.name in _WITHOUT_ORDER)
        if not ordered and (isinstance(step, Index) or (isinstance(step, Call) and step.name in _NEEDS_ORDER)):
            raise PathError("children() and descendants() have no order; nothing can be picked by its place.")
        found = _step(step, found, focus)
        before = step
    return found


def _step(step: Step, found: Types, focus: Types) -> Types:
    match step:
        case Name():
            return _child(step.name, found)
        case Index():
            _infer(step.at, focus)
            return found
        case Call():
            return _call(step, found, focus)


def _call(tree: Call, found: Types, focus: Types) -> Types:
    if tree.name in ("as", "ofType", "is"):
        named = tree.arguments[0] if tree.arguments else None
        wanted = str(named.value) if isinstance(named, Literal) else ""
        return _SYSTEM if tree.name == "is" else _narrowed(wanted)
    if tree.name in _TEXT and found and not any(_is_primitive(kind) for kind in found):
        raise PathError(f"{tree.name}() needs a string but {_listed(found)} is none.")
    if tree.name == "repeat":
        return None
    inner = [_infer(argument, found if tree.name in _FOCUSED else focus) for argument in tree.arguments]
    if tree.name in _SAME:
        return found
    if tree.name == "select":
        return inner[0] if inner else None
    if tree.name in ("union", "combine"):
        return None if found is None or not inner or inner[0] is None else found | inner[0]
    if tree.name == "extension":
        return frozenset(("Extension",))
    return None if tree.name in _UNKNOWN else _SYSTEM


def _is_primitive(name: str) -> bool:
    return name[:1].islower()


def _narrowed(wanted: str) -> Types:
    name = wanted.rpartition(".")[2]
    if name not in known_types():
        return _SYSTEM
    return frozenset((name,))
