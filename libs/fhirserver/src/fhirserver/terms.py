"""Words behind hashes: the few distinct texts that a search must look into, although rows carry only their hash.

A code's display (`:text`), a uri (`:below`) and the set of parameters a resource has (`:missing`) are the same in many
resources. Each stands once in the table `term`; a row carries its hash among its tokens, and a search takes the hashes of
the terms that fit. A term is committed by itself before the first row that carries it, so that writers never wait for each
other's; one that nothing carries is harmless.

A code stands in a row as one hash, of `system|code`. What else it may be asked as (`code`, `system|`) stands in `means` beside
that hash, by hashes alone.
"""

import asyncpg

from fhircore.params import SearchParam

_INSERT = """
insert into term(h, at, val) select * from unnest($1::bigint[], $2::bigint[], $3::text[]) on conflict (h) do nothing"""
_MEANS = "insert into means(asked, h) select * from unnest($1::bigint[], $2::bigint[]) on conflict do nothing"
_KNOWN = 50_000
# FHIR types (readers.py).
_WITHOUT_SYSTEM = frozenset(("code", "string", "id", "uri", "boolean", "truth", "ContactPoint"))


class Terms:
    """The terms that this process met and that may not stand in the database yet."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None
        self._fresh: dict[int, tuple[int, str]] = {}
        self.waiting: set[tuple[int, int]] = set()  # (asked, hash) that may not stand in `means` yet
        self._settled: set[tuple[int, int]] = set()  # a few of what stands, so that it is not written with every batch

    def met(self, h: int, at: int, val: str) -> None:
        """`h` stands for `val` under `at`; must be settled before a row with `h` is written."""
        self._fresh[h] = (at, val)

    def meant(self, asked: int, h: int) -> None:
        """Who asks for `asked` means rows with `h`; must be settled as the terms are."""
        if (asked, h) not in self._settled:
            self.waiting.add((asked, h))

    def taken(self) -> set[int]:
        """The hashes met since the last call; they are forgotten instead of written."""
        met = set(self._fresh)
        self._fresh.clear()
        self.waiting.clear()
        return met

    async def settle(self) -> None:
        """Writes what is new, in one order for all, so that two processes cannot wait for each other."""
        if self.pool is None:
            return
        if self.waiting:
            meant = sorted(self.waiting)
            await self.pool.execute(_MEANS, [asked for asked, _ in meant], [h for _, h in meant])
            self.waiting.difference_update(meant)
            if len(self._settled) > _KNOWN:
                self._settled.clear()
            self._settled.update(meant)
        if not self._fresh:
            return
        taken = sorted(self._fresh.items())
        columns = [h for h, _ in taken], [at for _, (at, _) in taken], [val for _, (_, val) in taken]
        await self.pool.execute(_INSERT, *columns)
        for h, _ in taken:
            self._fresh.pop(h, None)


def shape_of(names: frozenset[str]) -> str:
    """The parameters that a resource has, as the text of a term: each name between two spaces."""
    return " " + " ".join(sorted({name.partition(":")[0] for name in names})) + " "


def has_systems(param: SearchParam) -> bool:
    """Whether values of this token parameter may have a system; codes of the plain type, booleans and contacts have none."""
    return any(path.leaf not in _WITHOUT_SYSTEM for path in param.paths)


def is_open(param: SearchParam) -> bool:
    """Whether its values are identifiers, as many as there are resources: those are not worth a place in `means`."""
    return any(path.leaf == "Identifier" for path in param.paths)
