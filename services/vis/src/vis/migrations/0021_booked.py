"""Times that are taken or held: two of one Schedule never overlap (decision 0040). Keys of the store stand for ids.

btree_gist is not in the PostgreSQL that we bring, so the Schedule stands as a range of one number, which gist indexes by itself.
"""

from alembic import op

revision, down_revision = "0021", "0018"

_STATEMENTS = (
    """
    create table booked (
        schedule bigint not null,
        slot bigint not null,
        during tstzrange not null check (not isempty(during)),
        pat bigint not null,
        appointment bigint,
        holder text,
        until timestamptz,
        check ((appointment is null) = (until is not null) and (holder is null) = (until is null)),
        constraint booked_once exclude using gist (int8range(schedule, schedule, '[]') with &&, during with &&)
    )""",
    "create index booked_appointment on booked (appointment) where appointment is not null",
    "create index booked_slot on booked (slot)",
    "create index booked_pat on booked (pat)",
    "create index booked_until on booked (until) where until is not null",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
