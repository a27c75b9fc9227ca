"""What a profile asks of one element by itself: types, values, codes, limits, rules and other profiles (http://hl7.org/fhir/R4/elementdefinition.html)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from fhircore.fhirpath import Hooks, PathError, compile_test
from fhircore.fhirpath.model import Node
from fhircore.profiles.definition import canonical, core_type, is_type
from fhircore.profiles.findings import Findings
from fhircore.profiles.paths import target
from fhircore.profiles.slicing import Known
from fhircore.profiles.terms import ValueSet, coded, member
from fhircore.profiles.tree import Constraint, Spot, TypeRule
from fhircore.profiles.values import beyond, equal, has_pattern
from fhircore.validation.report import shown

Check = Callable[[Node, Findings], None]


class Whole(Known, Protocol):
    """All that compiled checks ask of the other profiles."""

    def passes(self, check: Check, found: Node) -> bool:
        """Whether the check finds no error."""

    def apply(self, urls: tuple[str, ...], found: Node, out: Findings, says: str) -> None:
        """Tells what keeps the element from meeting any of these profiles."""

    def hooks(self) -> Hooks:
        """What a rule in FHIRPath may ask."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where we are while compiling: in which profile and slice."""

    known: Whole
    profile: str
    slices: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The beginning of every sentence."""
        return f"{self.profile}, slice {'/'.join(self.slices)}: " if self.slices else f"{self.profile}: "

    def within(self, name: str) -> "Context":
        return replace(self, slices=(*self.slices, name))


def single_tests(spot: Spot, context: Context) -> Iterator[Check]:
    """The checks of one element that look at nothing of its siblings."""
    if spot.types is not None:
        yield from _types(spot.types, context)
    for fixed in spot.exact:
        yield _fixed(fixed, context.says)
    for pattern in spot.pattern:
        yield _pattern(pattern, context.says)
    if spot.binding is not None:
        yield _bound(*spot.binding, context, choice=spot.name.endswith("[x]"))
    if spot.low is not None:
        yield _limit(spot.low, "<", "at least", context.says)
    if spot.high is not None:
        yield _limit(spot.high, ">", "at most", context.says)
    if spot.max_length is not None:
        yield _length(spot.max_length, context.says)
    for rule in spot.constraints.values():
        yield _rule(rule, context)


def _types(rules: tuple[TypeRule, ...], context: Context) -> Iterator[Check]:
    codes = tuple({rule.code for rule in rules})
    says, known = context.says, context.known
    allowed = " or ".join(sorted(codes))[:300]
    right: dict[str, bool] = {}

    def typed(found: Node, out: Findings) -> None:
        fits = right.get(found.type)
        if fits is None:
            fits = "." in found.type or any(is_type(found.type, code) for code in codes)
            if len(right) < 300:
                right[found.type] = fits
        if not fits:
            out.tell("structure", f"{says}the type must be {allowed}, not {shown(found.type)}.", found)

    yield typed
    profiles = {rule.code: urls for rule in rules if (urls := _real(rule.profiles)) and rule.code != "Extension"}
    if profiles:

        def profiled(found: Node, out: Findings) -> None:
            urls = profiles.get(found.type) or (profiles.get("Resource") if found.value.__class__ is dict else None)
            if urls:
                known.apply(urls, found, out, says)

        yield profiled
    targets = [url for rule in rules if rule.code == "Reference" for url in rule.targets]
    if targets:
        yield _pointing(tuple(targets), context)


def _real(urls: tuple[str, ...]) -> tuple[str, ...]:
    """Profiles that say more than R4's own types (SimpleQuantity is one of those)."""
    return tuple(url for url in urls if core_type(url) is None)


def _pointing(urls: tuple[str, ...], context: Context) -> Check:
    """A reference's target by its type alone: whether it meets its profile is checked where it is stored."""
    kinds: set[str] = set()
    for url in urls:
        tree = context.known.tree(url)
        kinds.add(core_type(url) or ("Resource" if tree is None else tree.name))
    if "Resource" in kinds:
        return lambda found, out: None
    allowed, says = " or ".join(sorted(kinds)), context.says

    def check(found: Node, out: Findings) -> None:
        if found.type != "Reference":
            return
        pointed = target(found)
        if pointed is not None and not any(is_type(pointed.type, kind) for kind in kinds):
            out.tell(
                "value",
                f"{says}this must refer to {allowed}, not to {shown(pointed.type)}.",
                f"{found.place}.reference",
            )

    return check


def _fixed(fixed: Any, says: str) -> Check:
    plain = f" {fixed!r}"[:200] if fixed.__class__ is str else ""

    def check(found: Node, out: Findings) -> None:
        if not equal(found.value, fixed):
            out.tell("value", f"{says}this must be exactly the value{plain} that the profile fixes.", found)

    return check


def _pattern(pattern: Any, says: str) -> Check:
    def check(found: Node, out: Findings) -> None:
        if not has_pattern(found.value, pattern):
            out.tell("value", f"{says}this must hold all that the profile's pattern says.", found)

    return check


def _limit(limit: Any, sign: str, words: str, says: str) -> Check:
    told = f" {limit}" if limit.__class__ is not dict else " the profile's limit"

    def check(found: Node, out: Findings) -> None:
        if beyond(found, limit, sign):
            out.tell("value", f"{says}this must be {words}{told}.", found)

    return check


def _length(most: int, says: str) -> Check:
    def check(found: Node, out: Findings) -> None:
        if found.value.__class__ is str and len(found.value) > most:
            out.tell("too-long", f"{says}this may have at most {most} characters.", found)

    return check


_CODED = frozenset(("code", "Coding", "CodeableConcept", "Quantity"))


def _bound(strength: str, url: str, context: Context, *, choice: bool) -> Check:
    """A required value set refuses; of an extensible one it is said only that the code is not in it.

    Of a choice of types (value[x]) those without codes are not bound.
    """
    among: ValueSet | None = context.known.value_set(url)
    name, says, required = canonical(url)[0], context.says, strength == "required"

    def check(found: Node, out: Findings) -> None:
        codings = None if choice and found.type not in _CODED else coded(found)
        if codings is None or (not codings and not required):
            return
        held = None if among is None else member(codings, among)
        if held is None:
            if codings:
                out.tell(
                    "not-supported",
                    f"{says}whether the code is in {name} could not be told here.",
                    found,
                    "information",
                )
        elif not held and required:
            out.tell("code-invalid", f"{says}the code must be one of {name}.", found)
        elif not held:
            sentence = f"{says}the code is not one of {name}; use one of those unless none fits."
            out.tell("code-invalid", sentence, found, "warning")

    return check


def _rule(rule: Constraint, context: Context) -> Check:
    severity = "error" if rule.severity == "error" else "warning"
    sentence = f"{context.says}{rule.key}: {rule.text.rstrip('.')}."
    unclear = f"{context.says}{rule.key} could not be evaluated."
    try:
        holds = compile_test(rule.expression)
    except PathError:
        return lambda found, out: out.tell("not-supported", unclear, found, "warning")
    hooks = context.known.hooks()

    def check(found: Node, out: Findings) -> None:
        try:
            kept = holds(found, hooks=hooks)
        except (PathError, RecursionError):
            out.tell("not-supported", unclear, found, "warning")
            return
        if not kept:
            out.tell("invariant", sentence, found, severity)

    return check
