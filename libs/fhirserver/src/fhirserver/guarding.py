"""What a service demands of a resource whatever door a write came by: asked in its own transaction, after it is stored."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver import store
from fhirserver.bodies import parsed
from fhirserver.codec import Codec
from fhirserver.keys import Keys
from fhirserver.wishes import Delete, Put, Written
from kit.db import Connection

Resource = Mapping[str, Any]


@dataclass(slots=True)
class Made:
    """One change: what stood before (None: nothing, or it was deleted) and what stands now (None: it is deleted).

    `by` is the operation of the service that made it ("correct"), "" for a plain write.
    """

    type_name: str
    id: str
    old: Resource | None
    body: bytes | None  # what stands now, as JSON
    by: str = ""
    _new: Resource | None = None

    @property
    def new(self) -> Resource | None:
        """What stands now; read when it is asked for, since most of what is imported concerns no guard."""
        if self._new is None and self.body is not None:
            self._new = parsed(self.body)
        return self._new

    def may_say(self, *words: bytes) -> bool:
        """False where what stands now holds none of these for certain, however its strings are written."""
        return self.body is not None and (b"\\u" in self.body or any(word in self.body for word in words))


# May write on the connection (a table with a constraint). A Problem that it raises takes the whole transaction back.
Guard = Callable[[Connection, Sequence[Made]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one mount, by type."""

    by_type: Mapping[str, Guard]
    keys: Keys
    codec: Codec

    def named(self, type_name: str) -> bool:
        return type_name in self.by_type

    async def standing(self, con: Connection, wishes: Sequence[Put | Delete]) -> dict[tuple[str, str], Resource]:
        """Before anything is stored: what stands now of all that is guarded, locked together with the rest of the wishes."""
        guarded = [wish for wish in wishes if self.named(wish.type_name) and not (isinstance(wish, Put) and wish.new)]
        if not guarded:
            return {}
        await store.locked(con, (self._key(wish) for wish in wishes if not (isinstance(wish, Put) and wish.new)))
        named = {self._key(wish): (wish.type_name, wish.id) for wish in guarded}
        rows = await con.fetch("select key, body from res where key = any($1::bigint[])", list(named))
        await self.codec.ready(con, [row["body"] for row in rows])
        return {named[row["key"]]: parsed(self.codec.unpack(row["body"], row["key"])) for row in rows}

    async def check(
        self,
        con: Connection,
        wishes: Sequence[Put | Delete],
        old: Mapping[tuple[str, str], Resource],
        written: Sequence[Written],
    ) -> None:
        """After all is stored, before the commit; `written` is in the order of the wishes. Raises what a guard raises."""
        made: dict[str, list[Made]] = {}
        for wish, one in zip(wishes, written, strict=True):
            if self.named(one.type_name) and one.outcome != "unchanged":
                before = old.get((one.type_name, one.id))
                after = one.row.body if one.row is not None else None
                by = wish.by if isinstance(wish, Put) else ""
                made.setdefault(one.type_name, []).append(Made(one.type_name, one.id, before, after, by))
        for type_name, changes in made.items():
            await self.by_type[type_name](con, changes)

    def _key(self, wish: Put | Delete) -> int:
        return self.keys.of(f"{wish.type_name}/{wish.id}")
