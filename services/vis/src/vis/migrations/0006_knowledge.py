"""Copies of the region's profiles and value sets, by which what is written here is checked (D4, D18)."""

from alembic import op

revision, down_revision = "0006", "0005"

# `stale`: to be read at the region again; `told` says which telling of a change that answers. No body: not usable here.
_KNOWLEDGE = """
create table knowledge (
    type text not null,
    id text not null,
    stale boolean not null default true,
    told timestamptz not null default clock_timestamp(),
    body bytea,
    constraint knowledge_pkey primary key (type, id)
)"""


def upgrade() -> None:
    op.execute(_KNOWLEDGE)
    op.execute("create index knowledge_stale on knowledge (type) where stale")
