"""What the law must know of one patient: choices, blocks, consents, protection, and who may act for them (sweden.md §4.2–4.8).

Facts are made by the information platform; every other store keeps a copy (architecture D9). Times are aware datetimes,
half-open; information times are µs since 1970 UTC, as rows of the store have them. Only what is in force, or will be, is here:
history stays with its owner.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

Kind = Literal["inner", "outer"]
Ground = Literal["consent", "emergency"]


class Revoke(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block lifted for a while (BLK-11): for a whole unit, or for one employee of it."""

    unit: str
    until: datetime
    employee: str | None = None
    ground: Ground = "consent"


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A spärr (BLK-07). An inner one names the unit whose facts it closes, an outer one closes a whole provider's to others."""

    id: str
    kind: Kind
    provider: str
    unit: str | None = None
    start: int | None = None  # of the information, µs; None: open
    end: int | None = None
    excluded: tuple[str, ...] = ()  # information types that stay open: lak, upp
    revokes: tuple[Revoke, ...] = ()


class Consent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reading unit may: consent of the patient, or an emergency assertion (CON-03, CON-04, EMG-01a). `info`: only
    these information types (EMG-03); empty: all."""

    provider: str
    unit: str
    since: datetime
    until: datetime | None = None
    employee: str | None = None
    ground: Ground = "consent"
    info: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """An active choice of one session to read what other units of the same provider wrote (ACC-05)."""

    session: str
    until: datetime


class Relation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A patient relation that somebody attested, or that a list gives (ACC-01). Those of encounters and bookings stand beside."""

    unit: str
    since: datetime
    until: datetime
    employee: str | None = None
    ground: str = "attested"


class Acting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may see for the patient: a guardian, or who holds a mandate (PAT-04, -07, -11). `who` is a Patient id."""

    who: str
    role: Literal["guardian", "mandate"]
    since: datetime
    until: datetime | None = None
    blocked: bool = False


class Opened(msgspec.Struct, frozen=True):
    """After assessment: what one unit opens of a teenager's record, and for whom (PAT-05)."""

    unit: str
    to: Literal["child", "guardian"]


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of one patient. `version` grows; an older never replaces a newer."""

    version: int = 0
    relations: tuple[Relation, ...] = ()
    choices: tuple[Choice, ...] = ()
    blocks: tuple[Block, ...] = ()
    consents: tuple[Consent, ...] = ()
    acting: tuple[Acting, ...] = ()
    opened: tuple[Opened, ...] = ()
    born: date | None = None
    protected: str = ""  # sekretessmarkering, skyddadFolkbokforing, fingerade (PRT-01); empty: none
    since: int | None = None  # when the facts were made, µs: for whoever asks how old a copy is
    objections: tuple[str, ...] = ()  # to uses beside care: "quality-register:NAME" (BLK-17), "secondary-use"


NOTHING = Facts()


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds for every patient: who takes part in sammanhållen vård, and what patients are not shown online."""

    sharing: frozenset[str] = frozenset()  # care providers (HSA-id) that take part
    not_sharing: frozenset[str] = frozenset()  # units of theirs that do not
    hidden_units: frozenset[str] = frozenset()  # PAT-09: not shown to patients
    hidden_types: frozenset[str] = frozenset()  # information types not shown to patients (PAT-02)


NO_RULES = Rules()
