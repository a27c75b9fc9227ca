"""Exchange keeps what systems send: who may send, the raw messages, and what became of each."""

from alembic import op

from kit.migrate import create_inbox, create_outbox, create_region

revision, down_revision = "0001", None


def upgrade() -> None:
    create_region()
    create_outbox()
    create_inbox()
    _senders()
    _messages()
    _fates()


def _senders() -> None:
    """Registered systems (D3). Never deleted: what they sent refers to them."""
    op.execute("""
        create table sender (
            id text primary key constraint sender_id_check check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
            name text not null,
            unit text not null,
            unit_name text not null,
            provider text not null,
            provider_name text not null,
            client text unique,
            source text unique,
            port integer,
            network cidr,
            application text,
            facility text,
            charset text not null default '8859/1',
            disabled boolean not null default false,
            registered_at timestamptz not null default now()
        )""")
    op.execute(
        "create unique index sender_mllp_key on sender (port, network, application, facility)"
        " nulls not distinct where port is not null"
    )


def _messages() -> None:
    """What came, as it came. A row never changes but for a sender found later; its fate is in tables of its own,
    so that the body is written once. No foreign keys on this path: each would lock the row it points at, per message,
    and nothing it guards can happen (senders and messages are never deleted, fates are written with their message)."""
    op.execute("""
        create table message (
            id bigint generated always as identity primary key,
            at timestamptz not null default now(),
            ident bigint not null,
            digest uuid not null,
            changed boolean not null,
            door text not null constraint message_door_check check (door in ('mllp', 'events', 'inbox')),
            sender text,
            came_from text,
            source text not null,
            kind text not null,
            control_id text not null,
            answer text not null,
            traceparent text,
            body bytea not null
        )""")
    op.execute("alter table message alter column body set storage external")  # compressed already
    op.execute("create unique index message_ident_digest_key on message (ident, digest)")
    op.execute("create index message_at_idx on message using brin (at)")


def _fates() -> None:
    """Received (waiting to be translated), translated (told), or parked with a reason."""
    op.execute("create table message_waiting (id bigint primary key)")
    op.execute("""
        create table message_told (
            id bigint primary key,
            at timestamptz not null default now(),
            transaction uuid not null,
            resources text not null,
            left_out text not null
        )""")
    op.execute("""
        create table message_parked (
            id bigint primary key,
            at timestamptz not null default now(),
            code text not null,
            reason text not null,
            location text
        )""")
    op.execute("create index message_parked_at_idx on message_parked (at)")
