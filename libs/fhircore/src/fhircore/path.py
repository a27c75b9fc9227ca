"""The FHIRPath subset that R4 search parameters use, resolved against element definitions into plain JSON paths.

The subset (http://hl7.org/fhir/R4/searchparameter-registry.html): paths, `|`, parentheses, `as`, `.as()`, `.ofType()`,
`.where(resolve() is T)`, `.where(key = 'value')`, `[n]`, `%resource` and `x.exists() and x != false`. Everything else
is refused with `Unsupported`, never guessed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec


class Unsupported(Exception):
    """An expression that is outside the subset, or that names an element its type does not have."""


class Step(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One JSON property on the way: its name, whether it is a list, and which of its items are meant."""

    name: str
    many: bool = False
    key: str | None = None  # with value: only items whose `key` is `value`
    value: str | None = None
    index: int | None = None  # only this item


class Path(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Where values stand in a resource: the steps, the FHIR type found there, and for references the type pointed at.

    `leaf` is a FHIR type name, `Resource` for an inline resource, or `truth` (does it exist and is it not false).
    `rooted` says that the path starts at the resource although it stands inside a composite (`%resource`).
    """

    steps: tuple[Step, ...]
    leaf: str
    refers_to: str | None = None
    rooted: bool = False


class Element(msgspec.Struct, frozen=True):
    """One property as JSON has it: `name` (valueQuantity), FHIR `type`, list or not, and where its own children are."""

    name: str
    type: str
    many: bool
    container: str


class Elements(Protocol):
    """What a structure definition knows."""

    def children(self, container: str, name: str) -> Sequence[Element]:
        """The JSON properties of element `name` in `container`: one, or one per type of a choice; none if unknown."""


_TOKEN = re.compile(r"\s*(?:(%?[A-Za-z_]\w*)|'([^']*)'|(\d+)|(!=|[|().=\[\]]))")


class _Step(msgspec.Struct, frozen=True):
    """One operation of an expression: kind is name, type, equals, refers, index or truth."""

    kind: str
    text: str = ""
    value: str = ""


_Steps = tuple[_Step, ...]


class _Parser:
    """Recursive descent over the subset; every method answers with alternatives, each a chain of steps."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = list(_tokens(expression))
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise Unsupported(f"{self.expression}: expected {expected or 'more'} but found {token or 'the end'}")
        self.at += 1
        return token

    def union(self) -> list[_Steps]:
        found = self.typed()
        while self.peek() == "|":
            self.take()
            found += self.typed()
        return found

    def typed(self) -> list[_Steps]:
        found = self.chain()
        if self.peek() == "as":
            self.take()
            return [(*steps, _Step("type", self.take())) for steps in found]
        if self.peek() == "and":
            return self.truth(found)
        return found

    def truth(self, found: list[_Steps]) -> list[_Steps]:
        """`x.exists() and x != false`, the one logical form in R4 (Patient.deceased)."""
        self.take("and")
        same = self.chain()
        self.take("!=")
        self.take("false")
        if [steps[:-1] for steps in found if steps[-1].kind == "exists"] != same:
            raise Unsupported(f"{self.expression}: only `x.exists() and x != false` is understood")
        return [(*steps, _Step("truth")) for steps in same]

    def chain(self) -> list[_Steps]:
        if self.peek() == "(":
            self.take()
            found = self.union()
            self.take(")")
        else:
            found = [(_Step("name", self.take()),)]
        while self.peek() in (".", "["):
            step = self.step() if self.take() == "." else self.index()
            found = [(*steps, step) for steps in found]
        return found

    def index(self) -> _Step:
        number = self.take()
        self.take("]")
        return _Step("index", number)

    def step(self) -> _Step:
        name = self.take()
        if self.peek() != "(":
            return _Step("name", name)
        self.take("(")
        if name in ("as", "ofType"):
            step = _Step("type", self.take())
        elif name == "where":
            step = self.where()
        elif name == "exists":
            step = _Step("exists")
        else:
            raise Unsupported(f"{self.expression}: {name}() is not understood")
        self.take(")")
        return step

    def where(self) -> _Step:
        key = self.take()
        if key == "resolve":
            for token in ("(", ")", "is"):
                self.take(token)
            return _Step("refers", self.take())
        self.take("=")
        value = self.take()
        if not value.startswith("'"):
            raise Unsupported(f"{self.expression}: where() compares with something else than a string")
        return _Step("equals", key, value[1:])


def _tokens(expression: str) -> Iterator[str]:
    """Words, numbers and signs as they stand; strings with a leading quote, so that they cannot be taken for words."""
    at = 0
    text = expression.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Unsupported(f"{expression}: not understood from position {at}")
        word, string, number, sign = found.groups()
        yield "'" + string if string is not None else word or number or sign
        at = found.end()


def resolve(expression: str, base: str, elements: Elements, context: str | None = None) -> list[Path]:
    """The JSON paths that `expression` means for resource type `base`; [] when it speaks of other types only.

    `context` is the container that a relative expression starts in (components of composites); default: `base`.
    Raises Unsupported for what is outside the subset.
    """
    parser = _Parser(expression)
    alternatives = parser.union()
    if parser.peek():
        raise Unsupported(f"{expression}: not understood from {parser.peek()}")
    found: list[Path] = []
    for steps in alternatives:
        found += [path for path in _resolved(expression, steps, base, elements, context or base) if path not in found]
    return found


def _resolved(expression: str, steps: _Steps, base: str, elements: Elements, context: str) -> list[Path]:
    root = steps[0].text
    rooted = root == "%resource"
    if rooted or root in (base, "Resource", "DomainResource"):
        return _walk(expression, steps[1:], Element("", base, False, base), elements, Path((), base, None, rooted))
    if root[:1].isupper():
        return []
    return _walk(expression, steps, Element("", context, False, context), elements, Path((), context))


def _walk(expression: str, steps: _Steps, here: Element, elements: Elements, path: Path) -> list[Path]:
    """Follow `steps` from element `here`, whose own path is `path`; a choice of types branches."""
    if not steps:
        return [path]
    step, rest = steps[0], steps[1:]
    if step.kind != "name":
        kept = _narrowed(expression, step, here, path)
        return _walk(expression, rest, here, elements, kept) if kept else []
    children = elements.children(here.container, step.text)
    if not children:
        raise Unsupported(f"{expression}: {here.container} has no {step.text}")
    found: list[Path] = []
    for child in children:
        longer = Path((*path.steps, Step(child.name, child.many)), child.type, None, path.rooted)
        found += _walk(expression, rest, child, elements, longer)
    return found


def _narrowed(expression: str, step: _Step, here: Element, path: Path) -> Path | None:
    """`path` with one filter more; None when the filter leaves nothing (another type of a choice)."""
    last = path.steps[-1]
    match step.kind:
        case "type":
            return path if step.text.lower() == here.type.lower() else None
        case "refers":
            return Path(path.steps, path.leaf, step.text, path.rooted) if here.type == "Reference" else None
        case "equals":
            last = Step(last.name, last.many, step.text, step.value)
        case "index":
            last = Step(last.name, last.many, None, None, int(step.text))
        case "truth" if len(path.steps) == 1 and not last.many:
            return Path(path.steps, "truth", None, path.rooted)
        case _:
            raise Unsupported(f"{expression}: {step.kind} is not understood here")
    return Path((*path.steps[:-1], last), path.leaf, path.refers_to, path.rooted)
