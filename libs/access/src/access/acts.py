"""Acts of the law, which never change, and the facts that follow from them (sweden.md §4.2–4.4, §4.7; BLK-10).

An act is written once. Who was wrong cancels it, who changes their mind ends it, who needs access lifts it: each is an act of
its own, so the history is whole. `compose` is pure: the facts of a patient are what all acts on all their ids say now.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from access.facts import Acting, Block, Choice, Consent, Facts, Opened, Relation, Revoke

Kind = Literal[
    "relation", "choice", "consent", "block", "lift", "reveal", "end", "cancel",
    "request", "guardian", "guardian-block", "mandate", "open", "objection", "informed",
]  # fmt: skip

# The longest that each may last; whoever needs it longer takes it again, and is seen to.
LONGEST = {
    "relation": timedelta(days=30),  # ACC-01
    "choice": timedelta(hours=12),  # ACC-05: one session's work
    "emergency": timedelta(hours=24),  # EMG-04
    "lift": timedelta(days=7),  # BLK-11
    "reveal": timedelta(hours=24),  # EMG-02, step 1
}


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """One act. `unit`, `provider` and `employee` say for whom it holds; `by` and `commission` who took it."""

    id: str  # a UUID made by whoever took it, so that the same act told twice is one
    kind: Kind
    patient: str  # the Patient id by which it was taken; the person may have others
    at: datetime
    by: str
    commission: str = ""
    unit: str = ""
    provider: str = ""
    employee: str | None = None
    since: datetime | None = None  # None: from `at`
    until: datetime | None = None
    ground: str = ""
    reason: str = ""
    requested_by: str = ""  # who asked for it: the patient, or who represents them
    session: str = ""
    block: Block | None = None
    target: str = ""  # the act that this one ends, cancels, lifts or reveals
    who: str = ""  # a guardian's or a mandate holder's Patient id
    scope: tuple[str, ...] = ()  # of a mandate, an objection; to whom a unit opens; what an emergency is about


def in_force(acts: Iterable[Act], now: datetime) -> list[Act]:
    """Those that are neither cancelled nor ended nor over, oldest first. What has not begun yet is among them."""
    known = sorted(acts, key=lambda act: (act.at, act.id))
    gone = {act.target for act in known if act.kind in ("end", "cancel") and act.at <= now}
    return [
        act
        for act in known
        if act.kind not in ("end", "cancel") and act.id not in gone and (act.until is None or now < act.until)
    ]


def compose(acts: Iterable[Act], now: datetime, *, protected: str = "", hidden: Collection[str] = ()) -> Facts:
    """The facts, without version. `hidden`: those who may act for the patient but have protected personal data themselves,
    which breaks the link (PAT-08)."""
    live = in_force(acts, now)
    stopped = {act.who for act in live if act.kind == "guardian-block"}
    return Facts(
        relations=tuple(_relation(act) for act in live if _relates(act)),
        choices=_choices(live),
        blocks=tuple(_block(act.block, act.id, live) for act in live if act.kind == "block" and act.block is not None),
        consents=tuple(_consent(act) for act in live if act.kind == "consent"),
        acting=tuple(_acting(act, stopped, hidden) for act in live if act.kind in ("guardian", "mandate")),
        opened=tuple(_opened(live)),
        protected=protected,
        objections=tuple(sorted({word for act in live if act.kind == "objection" for word in act.scope})),
    )


def added(facts: Facts, acts: Iterable[Act], now: datetime) -> Facts:
    """`facts` and what these acts add to them: for a store that has taken acts which the owner does not know yet."""
    more = compose(acts, now)
    choices = {one.session: one for one in (*facts.choices, *more.choices)}
    return msgspec.structs.replace(
        facts,
        relations=(*facts.relations, *more.relations),
        choices=tuple(choices.values()),
        consents=(*facts.consents, *more.consents),
    )


def _relates(act: Act) -> bool:
    """Whoever opens a record in an emergency takes part in the care from then on."""
    return act.kind == "relation" or (act.kind in ("consent", "lift") and act.ground == "emergency")


def _relation(act: Act) -> Relation:
    assert act.until is not None
    ground = "attested" if act.kind == "relation" else "emergency"
    return Relation(act.unit, act.since or act.at, act.until, act.employee, ground)


def _choices(live: Sequence[Act]) -> tuple[Choice, ...]:
    found: dict[str, datetime] = {}
    for act in live:
        if act.kind == "choice" and act.until is not None:
            found[act.session] = max(act.until, found.get(act.session, act.until))
    return tuple(Choice(session, until) for session, until in found.items())


def _block(block: Block, id: str, live: Sequence[Act]) -> Block:
    revokes = tuple(
        Revoke(act.unit, act.until, act.employee, "emergency" if act.ground == "emergency" else "consent")
        for act in live
        if act.kind == "lift" and act.target == id and act.until is not None
    )
    return msgspec.structs.replace(block, id=id, revokes=revokes)


def _consent(act: Act) -> Consent:
    who = (act.provider, act.unit, act.since or act.at, act.until, act.employee)
    if act.ground == "emergency":  # its scope: the danger, and which kinds of information may matter
        return Consent(*who, "emergency", act.scope[1:])
    return Consent(*who)


def _acting(act: Act, stopped: Collection[str], hidden: Collection[str]) -> Acting:
    role: Literal["guardian", "mandate"] = "guardian" if act.kind == "guardian" else "mandate"
    blocked = act.who in hidden or (role == "guardian" and act.who in stopped)
    return Acting(act.who, role, act.since or act.at, act.until, blocked)


def _opened(live: Sequence[Act]) -> list[Opened]:
    found: dict[Opened, None] = {}
    for act in live:
        if act.kind == "open":
            found |= {Opened(act.unit, "child" if to == "child" else "guardian"): None for to in act.scope}
    return list(found)
