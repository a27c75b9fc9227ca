"""The kit's tables, and one of the sample service's own."""

from alembic import op

from kit.migrate import create_inbox, create_outbox, create_region

revision, down_revision = "0001", None


def upgrade() -> None:
    create_region()
    create_outbox()
    create_inbox()
    op.execute("create table note (id bigint generated always as identity primary key, event text, key text)")
    op.execute("create table pair (a text primary key, b text references pair deferrable initially deferred)")
