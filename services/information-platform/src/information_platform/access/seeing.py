"""What the law lets one reader see of a patient, without content or counts, and the next step that opens more (D10, ACC-06)."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from pydantic import BaseModel

from access import Actor, Decision, Facts, Known, Label, Rules, Sight, decide
from access.acts import Act, in_force
from access.decision import chosen, consents
from access.decision import lifted as is_lifted
from fhirserver.taking import caring
from information_platform.access.actions import FactsOwner
from information_platform.access.model import NoSuchPatient, Person, revealed, role_of
from kit.caller import Caller

Zone = Literal["own-unit", "own-provider", "other-provider"]


class Step(BaseModel):
    """What would open more: a text for the reader, and the doors below this patient's address, the usual one first."""

    code: str
    text: str
    doors: list[str]


class Part(BaseModel):
    """One owner's part of the record: whose, where that may be said (BLK-04), and what becomes of it for this reader."""

    zone: Zone
    provider: str | None
    unit: str | None
    state: str


class BlockSeen(BaseModel):
    """That there is a block; whose, only where the reader may know it."""

    id: str | None
    kind: str | None
    provider: str | None
    unit: str | None
    lifted: bool


class Seen(BaseModel):
    """Everything a page needs to say what is shown and why not more."""

    patient: str
    protected: str
    role: str
    relation: bool
    choice: bool
    consent: bool
    assertion: str | None  # Consent or Emergency (CON-05)
    blocks: list[BlockSeen]
    parts: list[Part]
    next: list[Step]


_RELATION = Step(
    code="law/need-relation",
    text="Din enhet har ingen aktuell patientrelation. Delta i vården av patienten? Intyga det och ange skäl.",
    doors=["relations"],
)
_CHOICE = Step(
    code="law/need-active-choice",
    text="Andra enheter hos din vårdgivare har uppgifter. Gör ett aktivt val om du behöver dem för vården.",
    doors=["choices"],
)
_CONSENT = Step(
    code="law/need-consent",
    text="Andra vårdgivare har uppgifter. Patientens samtycke behövs, eller nödöppning vid fara för liv eller hälsa.",
    doors=["consents", "emergencies"],
)
_INNER = Step(
    code="law/blocked",
    text="Patienten har spärrat uppgifter vid en annan enhet. Be om samtycke till att häva spärren en tid, "
    "eller häv den i nödläge.",
    doors=["blocks/{id}/lift"],
)
_OUTER = Step(
    code="law/blocked-elsewhere",
    text="Patienten har spärrat uppgifter hos en annan vårdgivare. Vid fara för liv eller hälsa kan du få veta vilken.",
    doors=["reveals"],
)
_REVEALED = Step(
    code="law/blocked-elsewhere",
    text="Begär att vårdgivaren som spärrat häver spärren. Begäran går direkt till den enheten.",
    doors=["blocks/{id}/lift"],
)


async def seen(law: FactsOwner, caller: Caller, patient: str, now: datetime) -> Seen:
    """Raises NoSuchPatient, NotYours. It is in the access log."""
    own = (await law.engine.sight(caller)).own_labels if caller.kind == "patient" else ()
    async with law.engine.db.pool.acquire() as con:
        person = await law.person(con, patient, now)
        keys = law.keys(person.ids)
        rows = await con.fetch("select distinct lab from patient_label where pat = any($1::bigint[])", keys)
        by_number = law.engine.labels.by_number
        labels = {row["lab"]: by_number[row["lab"]] for row in rows if row["lab"] in by_number}
        if caller.kind != "patient":
            caring(caller)
            sight = await law.engine.sight(caller)
            await law.engine.law.look(con, sight, keys)
    if caller.kind == "patient":
        found = _patients(person, caller, [label for number, label in labels.items() if number in own], now)
        await law.read(caller, patient)
        return found
    known = [sight.known[key] for key in keys if key in sight.known]
    both = Known(max((one.facts for one in known), key=lambda one: one.version), any(one.related for one in known))
    await law.read(caller, patient)
    return _staffs(person, sight, both, list(labels.values()), now)


def _staffs(person: Person, sight: Sight, known: Known, labels: Sequence[Label], now: datetime) -> Seen:
    actor, facts = sight.actor, known.facts
    told = revealed(person, actor.unit, now)
    parts = _parts(actor, facts, labels, sight.rules, now, told) if known.related else []
    held = consents(actor, facts, now)
    emergency = all(one.ground == "emergency" for one in held)
    return Seen(
        patient=person.patient,
        protected=person.protected,
        role="staff",
        relation=known.related,
        choice=chosen(actor, facts, now),
        consent=bool(held),
        assertion=("Emergency" if emergency else "Consent") if held else None,
        blocks=_blocks(actor, facts, told, now) if known.related else [],
        parts=parts,
        next=_next(parts, told) if known.related else [_RELATION],
    )


def _parts(actor: Actor, facts: Facts, labels: Sequence[Label], rules: Rules, now: datetime, told: bool) -> list[Part]:
    found: dict[tuple[Zone, str | None, str | None, str], None] = {}
    for label in labels:
        if not label.provider:
            continue
        zone: Zone = "own-provider" if label.provider == actor.provider else "other-provider"
        if zone == "own-provider" and label.unit == actor.unit:
            zone = "own-unit"
        for state in _states(actor, label, facts, rules, now):
            secret = zone == "other-provider" and state is Decision.BLOCKED and not told
            found[(zone, None, None, state.value) if secret else (zone, label.provider, label.unit, state.value)] = None
    order = sorted(
        found, key=lambda one: (one[0] != "own-unit", one[0] != "own-provider", *(str(word) for word in one))
    )
    return [Part(zone=zone, provider=provider, unit=unit, state=state) for zone, provider, unit, state in order]


def _states(actor: Actor, label: Label, facts: Facts, rules: Rules, now: datetime) -> Iterator[Decision]:
    """What becomes of it; where only a time is blocked, also what becomes of the rest. What may not exist is left out."""
    found = decide(actor, label, facts, now=now, bond="related", rules=rules)
    if found is not Decision.DENY:
        yield found
    if found is Decision.BLOCKED:
        always = tuple(block for block in facts.blocks if block.start is None and block.end is None)
        other = msgspec.structs.replace(facts, blocks=always)
        rest = decide(actor, label, other, now=now, bond="related", rules=rules)
        if rest is not Decision.BLOCKED:
            yield rest


def _blocks(actor: Actor, facts: Facts, told: bool, now: datetime) -> list[BlockSeen]:
    found = []
    for block in facts.blocks:
        lifted = is_lifted(block, actor, now)
        if block.provider == actor.provider or told:
            found.append(
                BlockSeen(id=block.id, kind=block.kind, provider=block.provider, unit=block.unit, lifted=lifted)
            )
    if len(found) < len(facts.blocks):  # one, however many there are
        found.append(BlockSeen(id=None, kind=None, provider=None, unit=None, lifted=False))
    return found


def _next(parts: Collection[Part], told: bool) -> list[Step]:
    states = {(part.zone, part.state) for part in parts}
    steps = []
    if ("own-provider", "need-active-choice") in states:
        steps.append(_CHOICE)
    if ("other-provider", "need-consent") in states:
        steps.append(_CONSENT)
    if ("own-provider", "blocked") in states:
        steps.append(_INNER)
    if ("other-provider", "blocked") in states:
        steps.append(_REVEALED if told else _OUTER)
    return steps


def _patients(person: Person, caller: Caller, labels: Sequence[Label], now: datetime) -> Seen:
    """Who has written what this reader is shown, each unit once: what may be blocked. Of the rest not even that it exists: a
    guardian is not told that a hidden unit knows the child (PAT-09), nor anybody of 13 to 15 who has written (PAT-05)."""
    role = role_of(person, caller, now)
    if role is None:
        raise NoSuchPatient
    blocks = [
        BlockSeen(id=one.id, kind=one.kind, provider=one.provider, unit=one.unit, lifted=bool(one.revokes))
        for one in person.facts.blocks
    ]
    return Seen(
        patient=person.patient, protected=person.protected, role=role, relation=False, choice=False,
        consent=bool(person.facts.consents), assertion=None, blocks=blocks, next=[],
        parts=[
            Part(zone="other-provider", provider=provider, unit=unit, state="permit")
            for provider, unit in sorted({(one.provider, one.unit) for one in labels if one.provider})
        ],
    )  # fmt: skip


def shown(person: Person, caller: Caller, now: datetime) -> list[tuple[Act, bool]]:
    """The history: every act that the caller may know of, newest first, and whether it is in force. Raises NoSuchPatient."""
    live = {act.id for act in in_force(person.acts, now)}
    if caller.kind == "patient":
        role = role_of(person, caller, now)
        if role is None:
            raise NoSuchPatient
        # Why somebody is kept from acting for a child is told to none of those who act for it (PAT-07).
        known = [act for act in person.acts if role == "self" or act.kind not in ("guardian-block", "open")]
    else:
        mine = caring(caller).provider
        known = [act for act in person.acts if _owner(act, person.acts) == mine]
    return [(act, act.id in live) for act in sorted(known, key=lambda act: (act.at, act.id), reverse=True)]


def _owner(act: Act, acts: Sequence[Act]) -> str:
    """The provider whose act it is: the block's, or the reader's."""
    if act.block is not None:
        return act.block.provider
    if act.provider:
        return act.provider
    return next((_owner(one, acts) for one in acts if one.id == act.target and one is not act), "")
