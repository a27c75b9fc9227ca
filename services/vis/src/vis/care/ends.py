"""Both ends of a referral in one transaction: what the sender has and what the receiver has never tell different things."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from access import Label
from fhircore.types import TYPES, information_type
from fhirserver import answers
from fhirserver.actions import Action, Done
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.intake import Draft, checked, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import NotFound
from vis.care import tasks
from vis.care.asking import NotYours, person
from vis.care.changing import Change
from vis.care.places import Place

Resource = dict[str, Any]
TYPE = "ServiceRequest"
_HELD = "select key, lab, body from res where key = $1 and rtype = $2"


@dataclass(frozen=True, slots=True)
class Held:
    """An order as it lies here, and whose it is."""

    order: Resource
    label: Label


async def held(engine: Engine, id: str) -> Held:
    """Read by the house, whoever asks: nothing of it is answered. Raises NotFound."""
    row = await engine.db.pool.fetchrow(_HELD, engine.keys.of(f"{TYPE}/{id}"), TYPES[TYPE].number)
    if row is None:
        raise NotFound(f"{TYPE}/{id} does not exist", at="id")
    await engine.codec.ready(engine.db.pool, [row["body"]])
    if row["lab"] not in engine.labels.by_number:
        await engine.labels.refresh(engine.db.pool)
    return Held(parsed(engine.codec.unpack(row["body"], row["key"])), engine.labels.by_number[row["lab"]])


@dataclass(slots=True)
class Act:
    """One act on a referral: what it changes at both ends. The first change is the one that is answered."""

    engine: Engine
    request: Request
    name: str
    patient: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patient = require_context(self.request, TYPE)

    @property
    def by(self) -> Resource:
        return person(self.request.caller)

    def change(self, type_name: str, id: str, make: Callable[[Resource], Resource], *, seen: bool = False) -> None:
        """A new version of what stands. The first, and what must be `seen`, the law decides for the caller; the rest is changed
        by the rule, since the caller has shown that one end of the referral is theirs."""
        first = not self.actions
        match = self.request.if_match() if first else None
        self.actions.append(
            Action(
                "PATCH", type_name, type_name, id, patch=Change(make), if_match=match, patient=self.patient, by=self.name,
                house=not (first or seen),
            )
        )  # fmt: skip

    def make(self, resource: Resource, label: Label | None = None) -> None:
        """Something new; `label` says whose, where it is not the caller's."""
        raw = msgspec.json.encode(resource)
        draft: Draft = checked(raw, parsed(raw), resource["resourceType"])
        self.actions.append(
            Action(
                "PUT", draft.type_name, draft.type_name, resource["id"], raw=draft.raw, data=draft.data,
                patient=self.patient, must_be_new=True, by=self.name, label=label,
            )
        )  # fmt: skip

    def change_task(self, kind: tasks.Kind, order: str, make: Callable[[Resource], Resource]) -> None:
        """The task of one end."""
        self.change("Task", tasks.id_of(kind, f"{TYPE}/{order}"), make)

    async def done(self, activity: str) -> Answer:
        """All of it or nothing, logged as this activity."""
        return await perform(self.engine, self.request, activity, self.actions, self._first)

    def _first(self, done: Sequence[Done], position: int) -> Answer:
        return answers.single(self.engine, self.request, done[0], position)


def of_unit(place: Place, resource: Mapping[str, Any]) -> Label:
    """What is another unit's from the beginning."""
    return Label(place.provider, place.unit, information_type(dict(resource)) or "")


def must_be_of(label: Label, request: Request) -> None:
    """Raises NotYours unless the caller works for this unit now."""
    held = request.caller.commission
    if held is None or (held.provider, held.unit) != (label.provider, label.unit):
        raise NotYours("Det här görs på enheten som remissen hör till. Byt uppdrag om du arbetar där också")
