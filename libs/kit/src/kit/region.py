"""The region this database belongs to: born demo or production, its epoch, and the key of its hashes (D2, D19)."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.problems import Kind, Problem

metadata = sa.MetaData()
region = sa.Table(
    "region",
    metadata,
    sa.Column("only", sa.SmallInteger, primary_key=True, server_default="1"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
    sa.Column("hash_key", sa.LargeBinary, nullable=False),
    sa.Column("born_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("only = 1", name="region_only_one_check"),
    sa.CheckConstraint("mode in ('demo', 'production')", name="region_mode_check"),
)


class WrongMode(Problem):
    """A service was started in demo on a production database, or the other way round."""

    kind = Kind.UNAVAILABLE
    code = "kit/wrong-mode"
    title = "The database belongs to a region of the other mode"


@dataclass(frozen=True, slots=True)
class Region:
    """What the first migration wrote; `epoch` grows with each restore, `hash_key` is 32 random bytes."""

    mode: str
    epoch: int
    hash_key: bytes


async def load(tx: AsyncConnection) -> Region:
    """The one row; raises sqlalchemy.exc.NoResultFound when the database was never migrated."""
    row = (await tx.execute(sa.select(region.c.mode, region.c.epoch, region.c.hash_key))).one()
    return Region(row.mode, row.epoch, row.hash_key)


async def check_mode(tx: AsyncConnection, mode: str) -> Region:
    """Raises WrongMode unless the database was born in this mode."""
    found = await load(tx)
    if found.mode != mode:
        raise WrongMode(
            f"This database was created for a {found.mode} region, but the service was started with FVM_MODE={mode}. "
            f"Start it with FVM_MODE={found.mode}, or point FVM_DATABASE_URL at a {mode} region's database."
        )
    return found
