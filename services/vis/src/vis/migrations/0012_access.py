"""VIS's copy of the law's facts: how old it is, and what was taken here that the region does not know yet (D9)."""

from alembic import op

revision, down_revision = "0012", "0011"

_STATEMENTS = (
    # The newest heartbeat of each lane (partition); the copy is as old as the oldest of them.
    "create table access_beat (lane integer primary key, lanes integer not null, at timestamptz not null)",
    # Acts taken here that no fact of the region holds yet.
    """
    create table access_taken (
        id uuid primary key,
        patient text not null,
        until timestamptz not null,
        value bytea not null
    )""",
    "create index access_taken_patient on access_taken (patient)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
