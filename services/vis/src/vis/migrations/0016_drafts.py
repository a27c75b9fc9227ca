"""Notes that are being written: every saved version is kept, with when (HFD 2013:33); never told to the region."""

from alembic import op

revision, down_revision = "0016", "0015"

_STATEMENTS = (
    """
    create table draft (
        id uuid primary key,
        pat bigint not null,
        patient text not null,
        author text not null,
        unit text not null,
        version integer not null,
        state text not null default 'open' check (state in ('open', 'filed', 'cancelled')),
        note text not null default '',
        at timestamptz not null
    )""",
    "create index draft_author on draft (author, at desc) where state = 'open'",
    "create index draft_pat on draft (pat)",
    """
    create table draft_version (
        draft uuid not null references draft (id) on delete cascade,
        version integer not null,
        at timestamptz not null,
        body bytea not null,
        primary key (draft, version)
    )""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
