"""What the region tells of the law: all facts of a person, the rules for everybody, and that it is alive (D9)."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from access import Facts, Rules
from kit.db import Connection
from kit.events import CloudEvent
from kit.outbox import Outgoing, emit_raw

CHANGED = "information.access-changed.v1"
RULES_KEY = "rules"
_encode = msgspec.json.Encoder().encode


def facts_told(ids: Sequence[str], facts: Facts, taken: Sequence[str], at: datetime) -> bytes:
    """The value of the event; `ids` are all Patient ids of the person, the region's own first."""
    fact = {"patients": list(ids), "version": facts.version, "facts": facts, "taken": list(taken), "at": at.isoformat()}
    return _encode(fact)


def rules_told(version: int, rules: Rules, at: datetime) -> bytes:
    plain: dict[str, Any] = {name: sorted(getattr(rules, name)) for name in Rules.__struct_fields__}
    return _encode({"rules": plain, "version": version, "at": at.isoformat()})


def beat_told(lane: int, lanes: int, at: datetime) -> bytes:
    return _encode({"beat": {"lane": lane, "lanes": lanes}, "at": at.isoformat()})


async def tell(con: Connection, at: datetime, values: Sequence[tuple[str, bytes]]) -> None:
    """Tells these (key, value) in the caller's transaction; an empty value is a tombstone."""
    await emit_raw(con, [Outgoing(CHANGED, key, _event(key, value, at)) for key, value in values])


def _event(key: str, value: bytes, at: datetime) -> CloudEvent:
    return CloudEvent(
        id=str(uuid.uuid4()), source="fvm/information", type=CHANGED, time=at, data=value, key=key, subject=key
    )
