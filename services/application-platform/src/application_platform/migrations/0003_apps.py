"""Apps with their registration, launches with their context, sign-in by other issuers, and guesses that failed."""

from alembic import op

revision, down_revision = "0003", "0002"

_STATEMENTS = (
    """
    alter table client
        add column jwks_url text,
        add column launch_url text,
        add column contact text not null default '',
        add column about text not null default '',
        add column version int not null default 1,
        add column reason text not null default '',
        add constraint client_keys_check check (jwks is null or jwks_url is null)""",
    """
    alter table app_grant
        add column patient text,
        add column encounter text,
        add column intent text,
        add column fhir_context jsonb,
        add column banner boolean not null default true,
        add column begun_at timestamptz""",
    "create index app_grant_person_idx on app_grant (person_id)",
    "create index app_grant_client_idx on app_grant (client_id)",
    """
    create table launch (
        hash bytea primary key,
        session_id text not null,
        client_id text not null constraint launch_client_fkey references client (id),
        door text not null,
        patient text,
        encounter text,
        intent text,
        fhir_context jsonb,
        banner boolean not null,
        expires_at timestamptz not null,
        used_at timestamptz
    )""",
    "create index launch_expires_idx on launch (expires_at)",
    "alter table browser_session add column agent text not null default '', add column issuer text not null default ''",
    """
    create table sign_in_attempt (
        hash bytea primary key,
        browser_hash bytea not null,
        provider text not null,
        nonce text not null,
        verifier text not null,
        back text not null,
        expires_at timestamptz not null
    )""",
    "create index sign_in_attempt_expires_idx on sign_in_attempt (expires_at)",
    """
    create table failed_guess (
        key bytea primary key,
        failures int not null,
        until timestamptz not null
    )""",
    "create index failed_guess_until_idx on failed_guess (until)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
