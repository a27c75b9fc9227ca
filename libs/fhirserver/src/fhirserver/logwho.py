"""Who acted, as their token said it then: written once per service, named by a hash of itself in the rows of the log (LOG-04)."""

from functools import lru_cache
from hashlib import blake2b

import msgspec

from kit.caller import Caller

_REMEMBERED = 50_000  # callers whose number is remembered
_encode = msgspec.json.Encoder().encode


class Who(msgspec.Struct, frozen=True, omit_defaults=True):
    """An actor at a moment. `id` is an HSA-id, a Patient id or a client id; units and providers are HSA-ids."""

    kind: str = ""  # staff, patient, system; empty in rows that are older than this table
    id: str = ""
    name: str = ""
    client: str = ""
    commission: str = ""
    role: str = ""
    purpose: str = ""
    unit: str = ""
    unit_name: str = ""
    provider: str = ""
    provider_name: str = ""


_decode = msgspec.json.Decoder(Who).decode


def number(value: bytes) -> int:
    """The number that stands for it in rows: a hash, so that a changed value no longer fits its number."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big", signed=True) or 1


def packed(who: Who) -> bytes:
    return _encode(who)


@lru_cache(maxsize=_REMEMBERED)
def read(value: bytes) -> Who:
    """Raises msgspec.MsgspecError when it is not one."""
    return _decode(value)


@lru_cache(maxsize=_REMEMBERED)
def number_of(who: Who) -> int:
    """The number of somebody who was read."""
    return number(packed(who))


class Numbers:
    """Numbers of callers, remembered; one per process."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[int, bytes]] = {}

    def of(self, caller: Caller) -> tuple[int, bytes]:
        """The caller's number and value. Called for each row of the log."""
        key = (caller.subject, caller.client, caller.kind, caller.name, caller.commission)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            value = packed(_who(caller))
            found = self._known[key] = number(value), value
        return found


def _who(caller: Caller) -> Who:
    held = caller.commission
    if held is None:
        return Who(caller.kind, caller.subject, caller.name, caller.client)
    return Who(
        caller.kind,
        caller.subject,
        caller.name,
        caller.client,
        held.id,
        held.role,
        held.purpose,
        held.unit,
        held.unit_name,
        held.provider,
        held.provider_name,
    )
