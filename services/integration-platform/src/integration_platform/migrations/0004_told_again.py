"""A message may be told once more, where the region's copy of what it said was found to differ."""

from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.execute("alter table message_waiting add column again boolean not null default false")
