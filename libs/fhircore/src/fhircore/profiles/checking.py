"""From the tree of a profile to one closure: everything it asks of an element and of what is below (http://hl7.org/fhir/R4/profiling.html)."""

from collections.abc import Callable
from typing import Any

from fhircore.fhirpath.model import Node
from fhircore.profiles.elements import Context, single_tests
from fhircore.profiles.findings import Findings
from fhircore.profiles.paths import stepper
from fhircore.profiles.remembering import remembered
from fhircore.profiles.slicing import Match, matcher, slicing_of
from fhircore.profiles.tree import Spot

Check = Callable[[Node, Findings], None]


def compiled(spot: Spot, context: Context) -> Check | None:
    """The check of one element; None when nothing is asked."""
    return _all([*single_tests(spot, context), *_children(spot, context)])


def compiled_whole(spot: Spot, context: Context) -> Check | None:
    """The same for a whole resource: what its members were found to be is remembered."""
    checks = list(single_tests(spot, context))
    for one in spot.children.values():
        check = _child(one, context)
        if check is not None:
            checks.append(remembered(check, one, spot.name))
    return _all(checks)


def _all(checks: list[Check]) -> Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(found: Node, out: Findings) -> None:
        for one in checks:
            one(found, out)

    return check


def _children(spot: Spot, context: Context) -> list[Check]:
    found = [_child(one, context) for one in spot.children.values()]
    return [one for one in found if one is not None]


def _child(spot: Spot, context: Context) -> Check | None:
    """The check, on the owner, of the children of one name: how many, in which slices, and each of them."""
    inner, sliced = compiled(spot, context), _slices(spot, context)
    name, least, most = spot.name.removesuffix("[x]"), spot.min, spot.max
    if inner is None and sliced is None and least == 0 and most is None:
        return None
    step, says = stepper(spot.name), context.says

    def check(owner: Node, out: Findings) -> None:
        found = step(owner)
        count = len(found)
        if count < least:
            times = "" if least == 1 else f" at least {times_of(least)}"
            out.tell("required", f"{says}{name} is required{times}.", f"{owner.place}.{name}")
        if most is not None and count > most:
            allowed = f"may be there at most {times_of(most)}" if most else "is not allowed"
            out.tell("structure", f"{says}{name} {allowed}.", found[most])
        if count:
            out.spend(count)
            if inner is not None:
                for one in found:
                    inner(one, out)
        if sliced is not None:
            sliced(owner, found, out)

    return check


def times_of(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


class _Slice:
    """One slice, ready: its name, how it is recognised, what is asked of each value in it and how many there may be."""

    __slots__ = ("below", "check", "match", "max", "min", "name")

    def __init__(self, name: str, spot: Spot, match: Match, context: Context) -> None:
        within = context.within(name)
        self.name, self.match, self.min, self.max = name, match, spot.min, spot.max
        self.check = compiled(spot, within)
        self.below = _slices(spot, within)


def _slices(spot: Spot, context: Context) -> Callable[[Node, list[Any], Findings], None] | None:
    slicing = slicing_of(spot)
    rules, ordered = (slicing.rules, slicing.ordered) if slicing else ("open", False)
    if not spot.slices and (slicing is None or rules == "open"):
        return None
    slices, rest = [], None
    for name, one in spot.slices.items():
        if name == "@default":
            rest = compiled(one, context)
            continue
        match = matcher(slicing, one, context.known)
        if match is None:
            match = _whole(one, context)
        slices.append(_Slice(name, one, match, context))
    return _sorted(spot.name.removesuffix("[x]"), slices, (rules, ordered), rest, context.says)


def _whole(spot: Spot, context: Context) -> Match:
    """Where nothing else tells a slice apart: what meets all of it is in it."""
    check = compiled(spot, context)

    def match(found: Node) -> bool:
        if check is None:
            return True
        return context.known.passes(check, found)

    return match


def _sorted(
    name: str, slices: list[_Slice], how: tuple[str, bool], rest: Check | None, says: str
) -> Callable[[Node, list[Any], Findings], None]:
    """Each value into its slice; then how many there are in each."""
    rules, ordered = how
    at_end, closed = rules == "openAtEnd", rules == "closed"

    def check(owner: Node, found: list[Any], out: Findings) -> None:
        held: list[list[Any]] = [[] for _ in slices]
        highest, outside = -1, False
        for one in found:
            index = _index(slices, one, out)
            if index < 0:
                outside = True
                if closed:
                    out.tell(
                        "structure",
                        f"{says}{name} fits none of the slices {_named(slices)}, and no other is allowed.",
                        one,
                    )
                elif rest is not None:
                    rest(one, out)
                continue
            held[index].append(one)
            if at_end and outside:
                out.tell("structure", f"{says}{name}: the slices must come before other values.", one)
            if ordered and index < highest:
                out.tell("structure", f"{says}{name}: the slices must be in the order {_named(slices)}.", one)
            highest = max(highest, index)
        for index, part in enumerate(slices):
            _counted(name, part, held[index], owner, out, says)

    return check


def _index(slices: list[_Slice], one: Node, out: Findings) -> int:
    out.spend(len(slices))
    for index, part in enumerate(slices):
        if part.match(one):
            return index
    return -1


def _counted(name: str, part: _Slice, held: list[Any], owner: Node, out: Findings, says: str) -> None:
    count = len(held)
    if count < part.min:
        out.tell(
            "required", f"{says}{name}, slice {part.name}: at least {part.min} must be there.", f"{owner.place}.{name}"
        )
    if part.max is not None and count > part.max:
        allowed = f"at most {part.max} may be there" if part.max else "none may be there"
        out.tell("structure", f"{says}{name}, slice {part.name}: {allowed}.", held[part.max])
    if count:
        if part.check is not None:
            for one in held:
                part.check(one, out)
        if part.below is not None:
            part.below(owner, held, out)


def _named(slices: list[_Slice]) -> str:
    return ", ".join(part.name for part in slices)[:300]
