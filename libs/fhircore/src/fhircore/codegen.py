"""Search paths of one resource type woven into the source of one Python function.

All paths go into one trie, so that every element is visited once, whatever number of parameters looks at it. What is
emitted for a value is decided by (parameter type, FHIR type) alone; pairs that search gives no meaning are left out and
named by `unread`. The function takes a resource (parsed JSON) and answers with flat tuples, see `extract.py`.
"""

from collections.abc import Iterable, Sequence

from fhircore.codegen_lines import Choice, Node, Writer
from fhircore.params import SearchParam
from fhircore.path import Path, Step
from fhircore.readers import READERS


def unread(params: Iterable[SearchParam]) -> list[tuple[str, str]]:
    """(parameter, FHIR type) for every path that has no meaning in search and gives nothing."""
    pairs = [(p.name, path.leaf) for p in params for path in p.paths if (p.type, path.leaf) not in READERS]
    return sorted(set(pairs))


def source(params: Sequence[SearchParam], name: str = "extract") -> str:
    """The source of a function `name(resource) -> list[tuple]` that reads `params`."""
    writer = Writer()
    writer.line(0, f"def {name}(r):")
    writer.line(1, "out = []; ap = out.append")
    writer.line(1, "try:")
    writer.line(2, "pass")
    for truth in (p for p in params if any(path.leaf == "truth" for path in p.paths)):
        writer.truth(truth)
    writer.node(_trie(params), "r", 2)
    writer.line(1, "except WRONG: raise blame(r) from None")
    writer.line(1, "return out")
    return "\n".join(writer.lines) + "\n"


def source_by_member(params: Sequence[SearchParam]) -> str:
    """The source of one function `read_<member>(value) -> list[tuple]` for each member of the resource that `params` read.

    Together they give what the function of `source` gives, apart from what only the whole can tell (`truth`).
    """
    writer = Writer()
    members: dict[str, list[tuple[bool, Choice]]] = {}
    for (member, many), choice in _trie(params).children.items():
        members.setdefault(member, []).append((many, choice))
    for member, choices in members.items():
        writer.line(0, f"def read_{member}(v):")
        writer.line(1, "out = []; ap = out.append")
        for many, choice in choices:
            writer.choice(choice, "v", many, 1)
        writer.line(1, "return out")
    return "\n".join(writer.lines) + "\n"


def _trie(params: Sequence[SearchParam]) -> Node:
    root = Node()
    for param in params:
        for path in param.paths:
            reader = READERS.get((param.type, path.leaf))
            if reader is not None and path.steps:
                _insert(root, path.steps, reader, param, path)
    return root


def _insert(node: Node, steps: Sequence[Step], reader: str, param: SearchParam, path: Path) -> None:
    step = steps[0]
    choice = node.children.setdefault((step.name, step.many), Choice())
    child = choice.nodes.setdefault((step.key, step.value, step.index), Node())
    if len(steps) == 1:
        child.readers.setdefault(reader, []).append((param, path))
    else:
        _insert(child, steps[1:], reader, param, path)
