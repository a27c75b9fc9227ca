"""What an evaluation carries along: the focus, the resource, variables and hooks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.model import Node, node, resources_around
from fhircore.moments import SWEDEN

MAX_ITEMS = 1_000_000
MAX_TEXT = 1_000_000
MAX_WORK = 1_000_000  # items that an evaluation may look at

Items = list[Any]


class Hooks(msgspec.Struct, frozen=True):
    """What an expression may ask of its surroundings; what is not given cannot be asked (see each function).

    resolve(reference) -> resource or None; member_of(element JSON, value set url) -> bool or None;
    conforms_to(element JSON, profile url) -> bool; subsumes(coding JSON, coding JSON) -> bool or None;
    trace(name, values) -> None; now: the moment of the evaluation, with time zone.
    """

    resolve: Callable[[str], Any] | None = None
    member_of: Callable[[Any, str], bool | None] | None = None
    conforms_to: Callable[[Any, str], bool] | None = None
    subsumes: Callable[[Any, Any], bool | None] | None = None
    trace: Callable[[str, Items], None] | None = None
    now: datetime | None = None


NO_HOOKS = Hooks()


class Run(msgspec.Struct):
    """One evaluation."""

    context: Node
    hooks: Hooks
    variables: dict[str, Any]
    clock: datetime | None = None
    work: int = 0

    def spend(self, items: int) -> None:
        """Count items looked at. Raises PathError when an expression would keep the machine busy for too long."""
        self.work += items
        if self.work > MAX_WORK:
            raise PathError(f"The expression looks at more than {MAX_WORK} items.")

    def now(self) -> datetime:
        """The moment of this evaluation: the same however often it is asked; Swedish time."""
        if self.clock is None:
            self.clock = self.hooks.now or datetime.now(SWEDEN)
        return self.clock

    def resource(self) -> Items:
        """%resource: what the context stands in."""
        return self._around(False)

    def root(self) -> Items:
        """%rootResource: the same, but the container where that is a contained resource."""
        return self._around(True)

    def _around(self, outermost: bool) -> Items:
        around = list(resources_around(self.context))
        if not around:
            return [self.context]
        if outermost and around[0].key == "contained":
            return [around[1] if len(around) > 1 else around[0]]
        return [around[0]]


class Env(msgspec.Struct, gc=False):
    """The focus: `$this`, `$index`, `$total`, and what defineVariable() named on the way here."""

    this: Items
    run: Run
    index: int = -1
    total: Items = []
    names: dict[str, Items] = {}

    def inner(self, this: Items) -> "Env":
        """The focus of an argument that is evaluated for this item or these items."""
        return Env(this, self.run, 0, self.total, self.names)


Evaluate = Callable[[Env], Items]
StepFunction = Callable[[Env, Items], Items]


def limited(items: Items) -> Items:
    """The items, unless there are more than an evaluation may hold."""
    if len(items) > MAX_ITEMS:
        raise PathError(f"The expression gives more than {MAX_ITEMS} items.")
    return items


def limited_text(text: str) -> str:
    """The text, unless it is longer than an evaluation may make."""
    if len(text) > MAX_TEXT:
        raise PathError(f"The expression makes a text longer than {MAX_TEXT} characters.")
    return text


def as_items(value: Any) -> Items:
    """A variable as a collection."""
    if value is None:
        return []
    if value.__class__ is list:
        return [node(item) if item.__class__ is dict else item for item in value]
    return [node(value) if value.__class__ is dict else value]
