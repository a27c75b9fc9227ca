"""What patients ask about their records, and what care providers answer (PAT-13)."""

from alembic import op

revision, down_revision = "0015", "0014"


def upgrade() -> None:
    op.execute("""
        create table patient_request (
            id uuid primary key,
            patient text not null,
            kind text not null constraint patient_request_kind_check check (kind in ('correction', 'destruction')),
            provider text not null,
            unit text not null,
            about text not null,
            said bytea not null,
            asked_by text not null,
            asked_at timestamptz not null default clock_timestamp(),
            outcome text not null default '',
            answered_by text not null default '',
            answered_at timestamptz,
            withdrawn_at timestamptz
        )""")
    op.execute("create index patient_request_patient_idx on patient_request (patient, asked_at desc)")
    op.execute(
        "create index patient_request_open_idx on patient_request (provider, asked_at)"
        " where answered_at is null and withdrawn_at is null"
    )
