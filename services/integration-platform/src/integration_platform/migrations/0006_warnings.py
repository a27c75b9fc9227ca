"""Messages that were taken with a warning are found at once, however many others there are."""

from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    op.execute("create index message_warned_idx on message (id) where answer like 'AA|%'")
