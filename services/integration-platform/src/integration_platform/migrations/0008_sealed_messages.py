"""Which key seals a message, so that the others of that key are found when it is to be destroyed (D8)."""

from alembic import op

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    op.execute("alter table message add column sealed_by bigint")
    op.execute("create index message_sealed_by_idx on message (sealed_by) where sealed_by is not null")
