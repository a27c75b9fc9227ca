"""Since when a conversation waits for its unit, and who ended it."""

from alembic import op

revision, down_revision = "0006", "0005"

_STATEMENTS = (
    "alter table message_thread add column waiting_since timestamptz",
    "alter table message_thread add column closed_by text not null default ''",
    "update message_thread set waiting_since = changed_at where last_by = 'patient' and closed_at is null",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
