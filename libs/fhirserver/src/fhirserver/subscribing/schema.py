"""What subscriptions rest in. A migration calls it; the text is frozen: a change is a new function and a migration."""

from alembic import op

# Who wants to be told of what (fhirserver.subscribing). `headers` are the endpoint's secrets; `events` numbers were given.
_SUBSCRIPTION = """
create table subscription (
    id text primary key,
    owner text not null,
    client text not null,
    rtype smallint not null,
    criteria text not null,
    endpoint text not null,
    headers bytea not null,
    payload text not null,
    topic text not null,
    content text not null,
    heartbeat integer,
    timeout integer not null,
    most integer not null,
    ends timestamptz,
    state text not null constraint subscription_state check (state in ('requested', 'active', 'error', 'off')),
    events bigint not null default 0,
    attempts integer not null default 0,
    failing_since timestamptz,
    next_at timestamptz not null default clock_timestamp(),
    last_at timestamptz,
    leased timestamptz,
    error text not null default ''
) with (fillfactor = 50)"""

# Changes that the relay has told and nobody has compared with the criteria yet.
_SUBSCRIPTION_CHANGE = """
create table subscription_change (
    id bigint generated always as identity primary key,
    rtype smallint not null,
    rid text not null
)"""

# One version that one subscription is told of, numbered without gaps.
_SUBSCRIPTION_EVENT = """
create table subscription_event (
    sub text not null references subscription on delete cascade,
    n bigint not null,
    key bigint not null,
    rtype smallint not null,
    rid text not null,
    ver integer not null,
    at timestamptz not null default clock_timestamp(),
    state text not null default 'waiting'
        constraint subscription_event_state check (state in ('waiting', 'delivered', 'withheld', 'dead')),
    primary key (sub, n)
) with (fillfactor = 80)"""

_SUBSCRIBING = (
    _SUBSCRIPTION, _SUBSCRIPTION_CHANGE, _SUBSCRIPTION_EVENT,
    "create index subscription_client on subscription (client)",
    "create unique index subscription_event_once on subscription_event (key, ver, sub)",
    "create index subscription_event_waiting on subscription_event (sub, n) where state = 'waiting'",
    "create index subscription_event_dead on subscription_event (at) where state = 'dead'",
    "create index subscription_event_at on subscription_event using brin (at)",
)  # fmt: skip


def create_subscriptions() -> None:
    """Who wants to be told, what is to be looked at, and what is to be told."""
    for statement in _SUBSCRIBING:
        op.execute(statement)
