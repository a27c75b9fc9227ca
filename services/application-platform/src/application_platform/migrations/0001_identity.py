"""Who may sign in, which systems and apps exist, and the keys, sessions and grants that tokens come from."""

from alembic import op

from kit.migrate import create_inbox, create_outbox, create_region

revision, down_revision = "0001", None

_PEOPLE = (
    """
    create table person (
        id text primary key,
        kind text not null constraint person_kind_check check (kind in ('staff', 'patient')),
        name text not null,
        title text not null default '',
        short_name text constraint person_short_name_key unique,
        personnummer text constraint person_personnummer_key unique,
        demo boolean not null default false
    )""",
    """
    create table commission (
        id text primary key,
        person_id text not null constraint commission_person_fkey references person (id),
        unit text not null,
        unit_name text not null,
        provider text not null,
        provider_name text not null,
        role text not null,
        purpose text not null,
        rights text[] not null default '{}',
        valid_from timestamptz not null,
        valid_to timestamptz,
        constraint commission_valid_check check (valid_to is null or valid_to > valid_from)
    )""",
    "create index commission_person_idx on commission (person_id)",
    """
    create table browser_session (
        id text primary key,
        secret_hash bytea not null constraint browser_session_secret_key unique,
        person_id text not null constraint browser_session_person_fkey references person (id),
        commission_id text constraint browser_session_commission_fkey references commission (id),
        csrf text not null,
        created_at timestamptz not null,
        seen_at timestamptz not null,
        expires_at timestamptz not null,
        ended_at timestamptz,
        ended_because text
    )""",
    "create index browser_session_person_idx on browser_session (person_id)",
    "create index browser_session_expires_idx on browser_session (expires_at)",
)

_TOKENS = (
    """
    create table signing_key (
        kid text primary key,
        alg text not null,
        state text not null constraint signing_key_state_check check (state in ('next', 'current', 'previous')),
        public_key jsonb not null,
        private_key bytea not null,
        created_at timestamptz not null,
        current_from timestamptz,
        retired_at timestamptz,
        constraint signing_key_previous_check check ((state = 'previous') = (retired_at is not null))
    )""",
    "create unique index signing_key_one_idx on signing_key (alg, state) where state <> 'previous'",
    """
    create table client (
        id text primary key,
        kind text not null constraint client_kind_check check (kind in ('system', 'app')),
        name text not null,
        auth text not null constraint client_auth_check check (auth in ('secret', 'key', 'none')),
        secret_hash text,
        jwks jsonb,
        commission jsonb,
        grants text[] not null,
        scopes text[] not null,
        doors text[] not null,
        redirect_uris text[] not null default '{}',
        approved boolean not null default false,
        demo boolean not null default false,
        disabled_at timestamptz,
        constraint client_public_check check (auth <> 'none' or not 'client_credentials' = any (grants))
    )""",
    """
    create table app_grant (
        id text primary key,
        session_id text not null,
        client_id text not null constraint app_grant_client_fkey references client (id),
        person_id text not null constraint app_grant_person_fkey references person (id),
        commission_id text constraint app_grant_commission_fkey references commission (id),
        scope text not null,
        doors text[] not null,
        nonce text,
        offline boolean not null,
        signed_in_at timestamptz not null,
        expires_at timestamptz not null,
        ended_at timestamptz,
        ended_because text
    )""",
    "create index app_grant_session_idx on app_grant (session_id)",
    "create index app_grant_expires_idx on app_grant (expires_at)",
    """
    create table authorization_code (
        hash bytea primary key,
        grant_id text not null
            constraint authorization_code_grant_fkey references app_grant (id) on delete cascade,
        redirect_uri text not null,
        challenge text not null,
        expires_at timestamptz not null,
        used_at timestamptz
    )""",
    "create index authorization_code_grant_idx on authorization_code (grant_id)",
    """
    create table refresh_token (
        hash bytea primary key,
        grant_id text not null
            constraint refresh_token_grant_fkey references app_grant (id) on delete cascade,
        issued_at timestamptz not null,
        used_at timestamptz
    )""",
    "create index refresh_token_grant_idx on refresh_token (grant_id)",
    "create table revoked_token (jti text primary key, until timestamptz not null)",
    """
    create table used_assertion (
        client_id text, jti text, until timestamptz not null, primary key (client_id, jti)
    )""",
)


def upgrade() -> None:
    create_region()
    create_outbox()
    create_inbox()
    for statement in (*_PEOPLE, *_TOKENS):
        op.execute(statement)
