"""The region's record: the engine's tables, who the persons are, and parts of transactions that are not whole yet."""

from alembic import op

from fhirserver.schema import create_engine_tables
from kit.migrate import create_inbox, create_outbox, create_region

revision, down_revision = "0001", None

_STATEMENTS = (
    # A person of the region. `retired_to` names the person that this one was joined with; `digest` what was composed last.
    """
    create table person (
        id text primary key,
        digest bytea,
        retired_to text constraint person_retired_to_fkey references person (id),
        created_at timestamptz not null
    )""",
    # What says who a person is, in canonical form (fhircore.identifiers); one person per identifier.
    """
    create table person_identifier (
        system text,
        value text,
        person text not null constraint person_identifier_person_fkey references person (id),
        since timestamptz not null,
        primary key (system, value)
    )""",
    "create index person_identifier_person_idx on person_identifier (person)",
    # The Patient ids that sources know a person by.
    """
    create table person_link (
        id text primary key,
        person text not null constraint person_link_person_fkey references person (id)
    )""",
    "create index person_link_person_idx on person_link (person)",
    # The Patient of each source as it was received; the region's Patient is composed from them (D14).
    """
    create table person_source (
        id text primary key,
        person text not null constraint person_source_person_fkey references person (id),
        source text not null,
        version bigint not null,
        updated timestamptz not null,
        digest bytea not null,
        body bytea not null
    )""",
    "create index person_source_person_idx on person_source (person)",
    # The trace of every joining: who, with whom, why, told by whom.
    """
    create table person_merge (
        id bigint generated always as identity primary key,
        retired text not null,
        survivor text not null,
        source text not null,
        reason text not null,
        at timestamptz not null
    )""",
    "create index person_merge_survivor_idx on person_merge (survivor)",
    # Parts of a large transaction, until all are here (D5).
    """
    create table record_part (
        transaction text,
        key text,
        part integer,
        parts integer not null,
        value bytea not null,
        at timestamptz not null default now(),
        primary key (transaction, key, part)
    )""",
)


def upgrade() -> None:
    create_region()
    create_outbox()
    create_inbox()
    create_engine_tables()
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("alter table record_part alter column value set storage external")
    op.execute("alter table person_source alter column body set storage external")
