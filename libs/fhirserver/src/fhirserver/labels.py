"""The store's numbers for legal labels, known to every process; few, added when first met, never changed."""

import asyncio

import asyncpg

from access import REGISTER, WITHHELD, Label
from kit.db import Connection


class Labels:
    """Label ⇄ number. `version` grows when a label is added, so that cached decisions know they are old."""

    def __init__(self) -> None:
        self.by_number: dict[int, Label] = {}
        self._numbers: dict[Label, int] = {}

    @property
    def version(self) -> int:
        return len(self.by_number)

    @property
    def register(self) -> int:
        return self._numbers[REGISTER]

    @property
    def withheld(self) -> int:
        """Of what must be about a patient and names none."""
        return self._numbers[WITHHELD]

    async def load(self, pool: asyncpg.Pool) -> None:
        """Reads all labels; called at start."""
        await self.refresh(pool)
        for label in (REGISTER, WITHHELD):
            await self.number(pool, label)

    async def refresh(self, con: asyncpg.Pool | Connection) -> None:
        """Reads the labels that are committed now."""
        for number, *meaning in await con.fetch("select id, provider, unit, info, security from label order by id"):
            self._remember(number, Label(*meaning))

    async def run(self, pool: asyncpg.Pool) -> None:
        """Keeps the labels fresh until cancelled: another process may have met a new one."""
        while True:
            await asyncio.sleep(1)
            await self.refresh(pool)

    async def number(self, pool: asyncpg.Pool, label: Label) -> int:
        """The number of this label, given now if it is new. Runs outside the caller's transaction on purpose:
        a number that is given stays given, and other processes may use it at once."""
        found = self._numbers.get(label)
        if found is not None:
            return found
        number = await pool.fetchval(
            """with added as (insert into label(provider, unit, info, security) values ($1, $2, $3, $4)
                              on conflict on constraint label_meaning do nothing returning id)
               select id from added union all
               select id from label where (provider, unit, info, security) = ($1, $2, $3, $4) limit 1""",
            label.provider, label.unit, label.info, label.security,
        )  # fmt: skip
        if number is None:  # somebody else added it between the two halves of the statement
            return await self.number(pool, label)
        self._remember(number, label)
        return int(number)

    def _remember(self, number: int, label: Label) -> None:
        self.by_number[number] = label
        self._numbers[label] = number
