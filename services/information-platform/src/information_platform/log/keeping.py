"""Which batches the region holds as they were told and without an alarm: then their source need not keep the rows itself."""

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from fhirserver.engine import Engine
from fhirserver.logpruning import Link
from information_platform.records import NotASystem
from kit.web import SignedIn

_KEPT = """
select b.chain, b.seq from log_batch b
join unnest($1::bigint[], $2::bigint[], $3::bytea[]) w(chain, seq, hash) on (b.chain, b.seq, b.hash) = (w.chain, w.seq, w.hash)
where not exists (select from log_alarm a where (a.chain, a.seq) = (b.chain, b.seq))"""


class LinkIn(BaseModel):
    """One batch of a chain, by the hash that stands over it."""

    chain: int
    seq: int
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Asked(BaseModel):
    """Batches of the asking service."""

    links: list[LinkIn] = Field(max_length=20_000)


class Held(BaseModel):
    """Those of them that are here: (chain, seq)."""

    kept: list[tuple[int, int]]


class Keeper:
    """Answers from the region's log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def kept(self, links: Collection[Link]) -> list[tuple[int, int]]:
        rows = await self._engine.db.pool.fetch(
            _KEPT,
            [link.chain for link in links],
            [link.seq for link in links],
            [bytes.fromhex(link.hash) for link in links],
        )
        return [(row["chain"], row["seq"]) for row in rows]


def router(engine: Engine) -> APIRouter:
    """`POST /internal/log/kept`."""
    made = APIRouter(prefix="/internal/log", tags=["log"])
    keeper = Keeper(engine)

    @made.post("/kept")
    async def kept(asked: Asked, caller: SignedIn) -> Held:
        """Numbers and hashes only, for services."""
        if caller.kind != "system":
            raise NotASystem
        return Held(kept=await keeper.kept([Link(one.chain, one.seq, one.hash) for one in asked.links]))

    return made
