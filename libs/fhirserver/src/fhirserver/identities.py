"""Which resource each action is about: its own id, what its condition points out, or a new id.

Conditions see what is there without what the same transaction deletes, since deletions go first
(http://hl7.org/fhir/R4/http.html#trules: DELETE, POST, PUT and PATCH, GET).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fhirserver.actions import Action
from fhirserver.conditions import Condition, Match
from fhirserver.intake import new_ids
from fhirserver.problems import Invalid, NotFound, NotOne

Matches = Mapping[Condition, Sequence[Match]]
_RANK = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}


@dataclass(slots=True)
class Target:
    """`id` is empty where a conditional delete met nothing. `expect` is the version that a condition was decided on."""

    id: str
    new: bool = False  # the id was given just now
    found: Match | None = None  # a conditional create that is not needed
    same_as: int | None = None  # the same condition stands earlier: this is that resource
    expect: int | None = None
    may_not_stand: bool = False  # under this id of the client's, which its condition did not meet
    more: list[Match] = field(default_factory=list)  # what a conditional delete takes beyond the first


@dataclass(slots=True)
class _Settling:
    actions: Sequence[Action]
    matches: Matches
    named: Mapping[int, str]  # places of new Patients whose id the region gave
    most_deleted: int
    gone: set[tuple[str, str]] = field(default_factory=set)
    first_with: dict[Condition, int] = field(default_factory=dict)
    fresh: Iterator[str] = field(default_factory=lambda: iter(()))

    def all(self) -> list[Target]:
        self.fresh = iter(new_ids(sum(action.id is None for action in self.actions)))
        targets: list[Target | None] = [None] * len(self.actions)
        for place in sorted(range(len(self.actions)), key=lambda n: _RANK[self.actions[n].method]):
            action = self.actions[place]
            if action.method == "DELETE":
                made = self._deleted(action)
            elif action.method == "POST":
                made = self._created(place, action)
            else:
                made = self._changed(place, action)
            if made.same_as is not None:
                made.id = targets[made.same_as].id  # type: ignore[union-attr]  # earlier in this order
            targets[place] = made
        return [target for target in targets if target is not None]

    def _met(self, action: Action) -> list[Match]:
        assert action.condition is not None
        return [one for one in self.matches[action.condition] if (one.type_name, one.id) not in self.gone]

    def _deleted(self, action: Action) -> Target:
        if action.condition is None:
            assert action.id is not None
            self.gone.add((action.type_name, action.id))
            return Target(action.id)
        met = self._met(action)
        if len(met) > self.most_deleted:
            several = f"more than {self.most_deleted}" if self.most_deleted > 1 else "several"
            raise NotOne(f"The condition matches {several} resources; nothing is deleted", at=action.at)
        self.gone.update((one.type_name, one.id) for one in met)
        if not met:
            return Target("")
        return Target(met[0].id, expect=met[0].ver, more=met[1:])

    def _created(self, place: int, action: Action) -> Target:
        given = self.named.get(place)
        if action.condition is None:
            return Target(given or next(self.fresh), new=given is None)
        met = self._met(action)
        if len(met) > 1:
            raise NotOne("If-None-Exist matches several resources; it must match none or one", at=action.at)
        if met:
            return Target(met[0].id, found=met[0])
        first = self.first_with.setdefault(action.condition, place)
        if first != place:
            return Target("", same_as=first)
        return Target(given or next(self.fresh), new=given is None)

    def _changed(self, place: int, action: Action) -> Target:
        """PUT or PATCH."""
        if action.condition is None:
            assert action.id is not None
            return Target(action.id)
        met, sent = self._met(action), (action.data or {}).get("id")
        if len(met) > 1:
            raise NotOne("The condition matches several resources; it must match none or one", at=action.at)
        if met:
            if sent is not None and sent != met[0].id:
                raise Invalid(
                    "The condition matches a resource with another id than the one sent", at=f"{action.at}.id"
                )
            return Target(met[0].id, expect=met[0].ver)
        if action.method == "PATCH":
            raise NotFound("The condition matches nothing, so there is nothing to patch", at=action.at)
        if action.if_match is not None:
            raise NotOne("The condition matches nothing, so there is no version to be the one named", at=action.at)
        if self.first_with.setdefault(action.condition, place) != place:
            raise NotOne("The same condition stands earlier in this transaction; it is met then", at=action.at)
        if sent is not None:
            return Target(str(sent), may_not_stand=True)
        given = self.named.get(place)
        return Target(given or next(self.fresh), new=given is None)


def settled(actions: Sequence[Action], matches: Matches, named: Mapping[int, str], most_deleted: int) -> list[Target]:
    """One target per action, in their order. Raises NotOne, Invalid, NotFound at the action that cannot have one."""
    return _Settling(actions, matches, named, most_deleted).all()


def awaits_name(action: Action, matches: Matches) -> bool:
    """Whether this makes a new Patient whose id the region may know (D1)."""
    if action.type_name != "Patient" or action.data is None:
        return False
    if action.method == "POST":
        return action.condition is None or not matches[action.condition]
    return action.condition is not None and not matches[action.condition] and "id" not in action.data
