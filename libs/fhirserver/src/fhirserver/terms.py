"""Words behind hashes: the few distinct texts that a search must look into, although rows carry only their hash.

A code's display (`:text`), a uri (`:below`) and the set of parameters a resource has (`:missing`) are the same in many
resources. Each stands once in the table `term`; a row carries its hash among its tokens, and a search takes the hashes of
the terms that fit. A term is committed by itself before the first row that carries it, so that writers never wait for each
other's; one that nothing carries is harmless.
"""

import asyncpg

_INSERT = """
insert into term(h, at, val) select * from unnest($1::bigint[], $2::bigint[], $3::text[]) on conflict (h) do nothing"""


class Terms:
    """The terms that this process met and that may not stand in the database yet."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None
        self._fresh: dict[int, tuple[int, str]] = {}

    def met(self, h: int, at: int, val: str) -> None:
        """`h` stands for `val` under `at`; must be settled before a row with `h` is written."""
        self._fresh[h] = (at, val)

    async def settle(self) -> None:
        """Writes what is new, in one order for all, so that two processes cannot wait for each other."""
        if not self._fresh or self.pool is None:
            return
        taken = sorted(self._fresh.items())
        columns = [h for h, _ in taken], [at for _, (at, _) in taken], [val for _, (_, val) in taken]
        await self.pool.execute(_INSERT, *columns)
        for h, _ in taken:
            self._fresh.pop(h, None)


def shape_of(names: frozenset[str]) -> str:
    """The parameters that a resource has, as the text of a term: each name between two spaces."""
    return " " + " ".join(sorted({name.partition(":")[0] for name in names})) + " "
