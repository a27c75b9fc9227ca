"""Keys that can be destroyed; orders of destruction, what became of each at every copy, and what must not come back (D8)."""

from alembic import op

from fhirserver.schema_work import create_erased
from kit.migrate import create_keys

revision, down_revision = "0011", "0010"

_STATEMENTS = (
    # `patients`: every Patient id of the person when the order was confirmed, the region's own first. `resources`: Type/id, none
    # for the whole record. `decision`: the reference of IVO's decision (PDL 8:4).
    """
    create table erasure_order (
        id uuid primary key,
        patient text not null,
        patients text[] not null default '{}',
        resources text[] not null,
        reason text not null,
        decision text not null,
        provider text not null,
        asked_by text not null,
        asked_name text not null,
        asked_at timestamptz not null default clock_timestamp(),
        confirmed_by text,
        confirmed_name text,
        confirmed_at timestamptz,
        withdrawn_by text,
        withdrawn_at timestamptz,
        done_at timestamptz,
        constraint erasure_order_two check (confirmed_by <> asked_by)
    )""",
    "create index erasure_order_patient on erasure_order (patient)",
    # Everything that happened to orders, one chain: each hash is over the row and the hash before. Nothing of it is changed.
    """
    create table erasure_act (
        seq bigint primary key,
        erasure uuid not null,
        what text not null,
        at timestamptz not null,
        value bytea not null,
        hash bytea not null
    )""",
    "create index erasure_act_order on erasure_act (erasure, seq)",
    """
    create function erasure_act_stays() returns trigger language plpgsql as $$
    begin
        raise exception 'what happened to an order of destruction is never changed';
    end $$""",
    """
    create trigger erasure_act_stays before update or delete on erasure_act
    for each row execute function erasure_act_stays()""",
    # What is told of these until then does not come back: Type/id, or Patient/id for everything about a person.
    "create table erasure_past (name text primary key, until timestamptz not null)",
)


def upgrade() -> None:
    create_keys()
    create_erased()
    for statement in _STATEMENTS:
        op.execute(statement)
