"""What patients take part with: messages with a unit, their own values and notes, and the health form."""

from alembic import op

revision, down_revision = "0004", "0003"

_STATEMENTS = (
    """
    create table message_thread (
        id uuid primary key,
        patient text not null,
        patient_name text not null,
        unit text not null,
        unit_name text not null,
        kind text not null constraint message_thread_kind_check check (kind in ('question', 'renewal', 'booking')),
        subject text not null,
        about text not null default '',
        last_by text not null constraint message_thread_last_by_check check (last_by in ('patient', 'staff')),
        begun_at timestamptz not null,
        changed_at timestamptz not null,
        patient_seen_at timestamptz,
        closed_at timestamptz
    )""",
    "create index message_thread_patient_idx on message_thread (patient, changed_at desc)",
    "create index message_thread_unit_idx on message_thread (unit, changed_at desc)",
    """
    create table message (
        id uuid primary key,
        thread uuid not null constraint message_thread_fkey references message_thread (id),
        side text not null constraint message_side_check check (side in ('patient', 'staff')),
        by_id text not null,
        by_name text not null,
        by_title text not null,
        by_role text not null,
        body text not null,
        at timestamptz not null
    )""",
    "create index message_thread_at_idx on message (thread, at)",
    """
    create table own_entry (
        id uuid primary key,
        patient text not null,
        kind text not null,
        numbers jsonb not null,
        note text not null,
        at timestamptz not null,
        by_id text not null,
        by_name text not null,
        by_role text not null,
        made_at timestamptz not null,
        withdrawn_at timestamptz
    )""",
    "create index own_entry_patient_idx on own_entry (patient, at desc)",
    """
    create table health_form (
        id uuid primary key,
        patient text not null,
        form text not null,
        answers jsonb not null,
        version int not null,
        by_id text not null,
        by_name text not null,
        by_role text not null,
        changed_at timestamptz not null,
        submitted_at timestamptz
    )""",
    "create unique index health_form_one_draft_idx on health_form (patient, form) where submitted_at is null",
    "create index health_form_patient_idx on health_form (patient)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
