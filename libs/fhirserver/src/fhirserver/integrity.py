"""Referential integrity of a mount that wants it: what is written points at what is there, and what is pointed at stays (D18).

Whoever writes holds a shared lock from before its check until its commit, whoever deletes an exclusive one: so neither can
pass the other unseen. A reference that is not held here may be held elsewhere; who cannot be asked is asked later.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fhircore.params import params_of
from fhircore.types import TYPES
from fhirserver.keys import Keys
from fhirserver.problems import Dangling, ReferredTo
from fhirserver.wishes import Delete, Put, Written
from kit.db import Connection

_LOCK = 7002
_TELL_OF_THE_PAST = frozenset(
    ("AuditEvent", "Provenance", "Bundle")
)  # and a document's references are to its own entries
_REFERENCE = rb'"reference":"(?:%s/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[^"]*)?"'
_MISSING = """
select u.key from unnest($1::bigint[]) as u(key) where not exists (select 1 from res r where r.key = u.key)"""
_REFERRED = "select 1 from res r where r.tok && $1::bigint[] limit 1"
_ABOUT = (
    "select 1 from res where pat = any($1::bigint[]) union all select 1 from alt where pat = any($1::bigint[]) limit 1"
)
_PROMISE = """
insert into promised_reference(target, source) select u.target, u.source from unnest($1::text[], $2::text[]) as u(target, source)
on conflict (target, source) do nothing"""

# Asked which of these references somebody else holds; None when that cannot be said just now.
Elsewhere = Callable[[Collection[str]], Awaitable[set[str] | None]]


@dataclass(slots=True)
class Integrity:
    """One mount's. `base` is its own address; `elsewhere` whom it asks, where there is anybody."""

    keys: Keys
    base: str
    elsewhere: Elsewhere | None = None
    _pattern: re.Pattern[bytes] | None = None

    def __post_init__(self) -> None:
        self._pattern = re.compile(_REFERENCE % re.escape(self.base.encode()))

    def references(self, type_name: str, raw: bytes) -> set[str]:
        """Every `Type/id` that this resource points at."""
        if type_name in _TELL_OF_THE_PAST:
            return set()
        assert self._pattern is not None
        return {found.decode() for found in self._pattern.findall(raw)}

    async def check(self, con: Connection, wishes: Sequence[Put | Delete], written: Sequence[Written]) -> None:
        """After all is written, before the commit. Raises Dangling, ReferredTo."""
        gone = [one for one in written if one.outcome == "deleted"]
        await self._lock(con, alone=bool(gone))
        if gone:
            await self._refuse_referred(con, gone)
        wanted: dict[str, Put] = {}
        for wish in wishes:
            if isinstance(wish, Put):
                for target in self.references(wish.type_name, wish.raw):
                    wanted.setdefault(target, wish)
        missing = await self._missing(con, wanted)
        if missing and self.elsewhere is not None:
            held = await self.elsewhere(missing)
            if held is None:
                sources = [f"{wanted[target].type_name}/{wanted[target].id}" for target in missing]
                await con.execute(_PROMISE, missing, sources)
                return
            missing = [target for target in missing if target not in held]
        if missing:
            place = wanted[missing[0]]
            raise Dangling(f"There is no {missing[0]}", at=place.at or place.type_name)

    async def all_here(self, con: Connection, bodies: Iterable[tuple[str, bytes]]) -> None:
        """The quick question for plain creates: is all that they point at here? Raises Dangling; ask `check` then."""
        wanted = {target for type_name, body in bodies for target in self.references(type_name, body)}
        if wanted:
            await self._lock(con, alone=False)
            if missing := await self._missing(con, dict.fromkeys(wanted)):
                raise Dangling(f"There is no {missing[0]}")

    async def _lock(self, con: Connection, *, alone: bool) -> None:
        await con.execute(f"select pg_advisory_xact_lock{'' if alone else '_shared'}({_LOCK}, 0)")

    async def _missing(self, con: Connection, wanted: Mapping[str, object]) -> list[str]:
        if not wanted:
            return []
        keys = {self.keys.token(target): target for target in wanted}
        return sorted(keys[row[0]] for row in await con.fetch(_MISSING, list(keys)))

    async def _refuse_referred(self, con: Connection, gone: Sequence[Written]) -> None:
        """One question for all that is deleted; which of them it is, is found out only where something points at one."""
        if not await self._is_referred(con, gone):
            return
        for one in gone:
            if await self._is_referred(con, [one]):
                raise ReferredTo(f"Something points at {one.type_name}/{one.id}, so it stays", at=one.type_name)

    async def _is_referred(self, con: Connection, gone: Sequence[Written]) -> bool:
        tokens: list[int] = []
        patients: list[int] = []
        for one in gone:
            key = self.keys.of(f"{one.type_name}/{one.id}")
            tokens += [key ^ hash for hash in self._ways_to(one.type_name)]
            patients += [key] if one.type_name == "Patient" else []
        if patients and await con.fetchval(_ABOUT, patients) is not None:
            return True
        return await con.fetchval(_REFERRED, tokens) is not None

    def _ways_to(self, target: str) -> list[int]:
        """The hashes of every search parameter that may point at this type."""
        return [self.keys.token(f"{at}>") for at in _ways(target)]


_WAYS: dict[str, list[str]] = {}


def _ways(target: str) -> list[str]:
    if target not in _WAYS:
        _WAYS[target] = [
            f"{name}.{param.name}"
            for name, kind in TYPES.items()
            if kind.door != "none"
            for param in params_of(name).values()
            if param.type == "reference" and (not param.target or target in param.target or "Resource" in param.target)
        ]
    return _WAYS[target]
