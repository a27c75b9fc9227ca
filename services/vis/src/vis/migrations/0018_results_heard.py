"""Results that the region's record told of, until it is settled whether somebody here owes an acknowledgement (D18)."""

from alembic import op

revision, down_revision = "0018", "0017"


def upgrade() -> None:
    op.execute("create table result_heard (id text primary key, told timestamptz not null default clock_timestamp())")
