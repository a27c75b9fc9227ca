"""Search paths of one resource type woven into the source of one Python function.

All paths go into one trie, so that every element is visited once, whatever number of parameters looks at it. What is
emitted for a value is decided by (parameter type, FHIR type) alone; pairs that search gives no meaning are left out and
named by `unread`. The function takes a resource (parsed JSON) and answers with flat tuples, see `extract.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fhircore.params import SearchParam
from fhircore.path import Path, Step
from fhircore.readers import DATE, KIND_OF, READERS, REFERENCE, STRING, TEXT, TOKEN, URI


@dataclass(slots=True)
class _Node:
    """The items of one element: what is read from each, and which of its elements matter."""

    readers: dict[str, list[tuple[SearchParam, Path]]] = field(default_factory=dict)
    children: dict[tuple[str, bool], "_Choice"] = field(default_factory=dict)


@dataclass(slots=True)
class _Choice:
    """One element: a node for all of its items, one per filter, one per index."""

    nodes: dict[tuple[str | None, str | None, int | None], _Node] = field(default_factory=dict)


def unread(params: Iterable[SearchParam]) -> list[tuple[str, str]]:
    """(parameter, FHIR type) for every path that has no meaning in search and gives nothing."""
    pairs = [(p.name, path.leaf) for p in params for path in p.paths if (p.type, path.leaf) not in READERS]
    return sorted(set(pairs))


def source(params: Sequence[SearchParam], name: str = "extract") -> str:
    """The source of a function `name(resource) -> list[tuple]` that reads `params`."""
    root = _Node()
    for param in params:
        for path in param.paths:
            reader = READERS.get((param.type, path.leaf))
            if reader is not None and path.steps:
                _insert(root, path.steps, reader, param, path)
    writer = _Writer()
    writer.line(0, f"def {name}(r):")
    writer.line(1, "out = []; ap = out.append")
    writer.line(1, "try:")
    writer.line(2, "pass")
    for truth in (p for p in params if any(path.leaf == "truth" for path in p.paths)):
        writer.truth(truth)
    writer.node(root, "r", 2)
    writer.line(1, "except WRONG: raise blame(r) from None")
    writer.line(1, "return out")
    return "\n".join(writer.lines) + "\n"


def _insert(node: _Node, steps: Sequence[Step], reader: str, param: SearchParam, path: Path) -> None:
    step = steps[0]
    choice = node.children.setdefault((step.name, step.many), _Choice())
    child = choice.nodes.setdefault((step.key, step.value, step.index), _Node())
    if len(steps) == 1:
        child.readers.setdefault(reader, []).append((param, path))
    else:
        _insert(child, steps[1:], reader, param, path)


class _Writer:
    """Writes lines; variables are numbered."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.used = 0

    def line(self, depth: int, text: str) -> None:
        self.lines.append(" " * depth + text)

    def name(self, letter: str) -> str:
        self.used += 1
        return f"{letter}{self.used}"

    def node(self, node: _Node, item: str, depth: int) -> None:
        for reader, readings in node.readers.items():
            getattr(self, reader, self.generic)(item, depth, readings, reader)
        for (name, many), choice in node.children.items():
            value = self.name("v")
            self.line(depth, f"{value} = {item}.get({name!r})")
            self.line(depth, f"if {value} is not None:")
            self.choice(choice, value, many, depth + 1)

    def choice(self, choice: _Choice, value: str, many: bool, depth: int) -> None:
        """The items of one element: once round the list for all filters, then the indexed ones."""
        looped = {filtered: node for filtered, node in choice.nodes.items() if filtered[2] is None}
        if looped and many:
            item = self.name("x")
            self.line(depth, f"if {value}.__class__ is not list: raise TypeError")
            self.line(depth, f"for {item} in {value}:")
            self.line(depth + 1, f"if {item} is None: continue")
            self.filtered(looped, item, depth + 1)
        elif looped:
            self.filtered(looped, value, depth)
        for (_, _, index), node in choice.nodes.items():
            if index is not None:
                item = self.name("x")
                self.line(depth, f"if len({value}) > {index}:")
                self.line(depth + 1, f"{item} = {value}[{index}]")
                self.node(node, item, depth + 1)

    def filtered(self, nodes: dict[tuple[str | None, str | None, int | None], _Node], item: str, depth: int) -> None:
        for (key, value, _), node in nodes.items():
            if key is None:
                self.node(node, item, depth)
            else:
                self.line(depth, f"if {item}.get({key!r}) == {value!r}:")
                self.node(node, item, depth + 1)

    def emit(self, depth: int, readings: list[tuple[SearchParam, Path]], kind: int, values: str) -> None:
        for param in dict.fromkeys(param.name for param, _ in readings):
            self.line(depth, f"ap(({kind}, {param!r}, {values}))")

    def truth(self, param: SearchParam) -> None:
        """One answer however many types the element has: true unless all are absent or false."""
        tests = " or ".join(f"r.get({path.steps[0].name!r}) not in (None, False)" for path in param.paths)
        self.line(2, f"ap(({TOKEN}, {param.name!r}, None, 'true' if {tests} else 'false'))")

    def token_truth(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """Written once at the top, by `truth`."""
        self.line(depth, "pass")

    def token_text(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.line(depth, f"if {item}.__class__ is not str: raise TypeError")
        self.emit(depth, readings, TOKEN, f"None, {item}")

    def token_boolean(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.line(depth, f"if {item}.__class__ is not bool: raise TypeError")
        self.emit(depth, readings, TOKEN, f"None, 'true' if {item} else 'false'")

    def token_concept(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        coding, text = self.name("c"), self.name("t")
        self.line(depth, f"{text} = {item}.get('text')")
        self.said(text, depth, readings)
        self.line(depth, f"for {coding} in {item}.get('coding', ()):")
        self.pair(coding, "code", depth + 1, readings)
        self.display(coding, depth + 1, readings, text)

    def token_coding(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.pair(item, "code", depth, readings)
        self.display(item, depth, readings)

    def token_identifier(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.pair(item, "value", depth, readings)
        of, params = self.name("k"), tuple(dict.fromkeys(param.name for param, _ in readings))
        self.line(depth, f"{of} = {item}.get('type')")
        self.line(depth, f"if {of} is not None: out += identifier_type({item}, {of}, {params!r})")

    def display(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], text: str | None = None) -> None:
        """The display of a coding, unless it says the same as the concept's text."""
        found = self.name("t")
        self.line(depth, f"{found} = {item}.get('display')")
        if text is None:
            self.said(found, depth, readings)
        else:
            self.line(depth, f"if {found} != {text}:")
            self.said(found, depth + 1, readings)

    def said(self, text: str, depth: int, readings: list[tuple[SearchParam, Path]]) -> None:
        """What a code is called, for `:text`; what is called so by a `combo-` is so by its parts too."""
        names = dict.fromkeys(param.name for param, _ in readings if not param.name.startswith("combo-"))
        self.line(depth, f"if {text}.__class__ is str:" if names else "pass")
        for name in names:
            self.line(depth + 1, f"ap(({TEXT}, {name!r}, {text}))")

    def pair(self, item: str, key: str, depth: int, readings: list[tuple[SearchParam, Path]], suffix: str = "") -> None:
        """system and code (or value); a coding without code says nothing that a token search could find."""
        system, code = self.name("s"), self.name("k")
        self.line(depth, f"{code} = {item}.get({key!r})")
        self.line(depth, f"if {code} is not None:")
        self.line(depth + 1, f"{system} = {item}.get('system')")
        self.line(depth + 1, f"if {code}.__class__ is not str or {system}.__class__ not in TEXT: raise TypeError")
        for param in dict.fromkeys(param.name for param, _ in readings):
            self.line(depth + 1, f"ap(({TOKEN}, {param + suffix!r}, {system}, {code}))")

    def token_contact(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        value = self.name("k")
        self.line(depth, f"{value} = {item}.get('value')")
        self.line(depth, f"if {value} is not None:")
        self.token_text(value, depth + 1, readings, reader)

    def reference(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """The target, for `resolve() is T` only when it is one; and the logical identifier as `<param>:identifier`."""
        target, logical = self.name("f"), self.name("i")
        self.line(depth, f"{target} = {item}.get('reference'); {logical} = {item}.get('identifier')")
        self.line(
            depth,
            f"if {target} is not None and ({target}.__class__ is not str or {target}[:1] == '#' or '/_' in {target}):",
        )
        self.line(depth + 1, f"{target} = reference({target})")
        for wanted in dict.fromkeys(path.refers_to for _, path in readings):
            same = [reading for reading in readings if reading[1].refers_to == wanted]
            inside = depth if wanted is None else depth + 1
            if wanted is not None:
                self.line(
                    depth, f"if {target} and {target}.startswith({wanted + '/'!r}) or refers_to({item}, {wanted!r}):"
                )
            self.line(inside, f"if {target}:")
            self.emit(inside + 1, same, REFERENCE, target)
            self.line(inside, f"if {logical} is not None:")
            self.pair(logical, "value", inside + 1, same, ":identifier")

    def reference_inline(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """A resource inside a Bundle stands for a reference to itself, where it is of a wanted type."""
        for param, _ in readings:
            self.line(depth, f"if {item}.get('resourceType') in {param.target!r} and 'id' in {item}:")
            self.emit(
                depth + 1, [(param, Path((), ""))], REFERENCE, f"{item}['resourceType'] + '/' + reference({item}['id'])"
            )

    def generic(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """Everything rarer goes through a function of the same name that yields the rest of the tuple."""
        found = self.name("t")
        self.line(depth, f"for {found} in {reader}({item}):")
        for param in dict.fromkeys(param.name for param, _ in readings):
            self.line(depth + 1, f"ap(({KIND_OF[reader]}, {param!r}, *{found}))")

    def string_text(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.line(depth, f"if {item}.__class__ is not str: raise TypeError")
        self.emit(depth, readings, STRING, item)

    def uri_text(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        self.line(depth, f"if {item}.__class__ is not str: raise TypeError")
        self.emit(depth, readings, URI, item)

    def uri_canonical(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """As written, and where it has a version also without."""
        self.uri_text(item, depth, readings, reader)
        self.line(depth, f"if '|' in {item}:")
        self.emit(depth + 1, readings, URI, f"{item}.partition('|')[0]")

    def reference_canonical(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        """A canonical that a reference parameter reads: the same, as a reference."""
        self.line(depth, f"if {item}.__class__ is not str: raise TypeError")
        self.emit(depth, readings, REFERENCE, item)
        self.line(depth, f"if '|' in {item}:")
        self.emit(depth + 1, readings, REFERENCE, f"{item}.partition('|')[0]")

    def date_moment(self, item: str, depth: int, readings: list[tuple[SearchParam, Path]], reader: str) -> None:
        found = self.name("d")
        self.line(depth, f"{found} = MEMO.get({item}) or moment({item})")
        self.emit(depth, readings, DATE, f"{found}[0], {found}[1]")
