"""What the region's log rests in. A migration calls it; the text is frozen: a change is a new function and a migration."""

from alembic import op

# The evidence: each batch as it was told (fhirserver.logtelling), in months. `id` numbers what arrived.
_BATCH = """
create table log_batch (
    id bigint not null,
    at timestamptz not null,
    source text not null,
    chain bigint not null,
    seq bigint not null,
    rows integer not null,
    hash bytea not null,
    body bytea not null,
    heard timestamptz not null default now(),
    primary key (at, id)
) partition by range (at)"""

# The way to it: one row per request and patient (key of this store; 0: about nobody). `nth` is the row of the batch.
_ENTRY = """
create table log_entry (
    at timestamptz not null,
    pat bigint not null,
    batch bigint not null,
    who bigint not null,
    nth integer not null
) partition by range (at)"""

# Everybody who ever acted, as their token said it then; `id` is the hash of `value` (fhirserver.logwho).
_WHO = """
create table log_who (
    id bigint primary key,
    actor text not null,
    unit text not null,
    provider text not null,
    value bytea not null
)"""

# The newest link of each chain.
_HEAD = """
create table log_head (
    chain bigint primary key,
    source text not null,
    seq bigint not null,
    hash bytea not null,
    at timestamptz not null
)"""

# What did not fit: somebody must look.
_ALARM = """
create table log_alarm (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    source text not null,
    chain bigint not null,
    seq bigint not null,
    what text not null,
    constraint log_alarm_once unique (chain, seq, what)
)"""

# Patterns that a manager should look at (LOG-16), each once per actor, patient and day.
_REVIEW = """
create table log_review (
    id bigint generated always as identity primary key,
    opened timestamptz not null default now(),
    pattern text not null,
    day date not null,
    actor text not null,
    unit text not null,
    provider text not null,
    pat bigint not null,
    patient text not null,
    count integer not null,
    state text not null default 'open' constraint log_review_state check (state in ('open', 'justified', 'not-justified')),
    closed_by text,
    closed timestamptz,
    note text,
    constraint log_review_once unique (pattern, day, actor, pat)
)"""

# Reports too large to wait for (LOG-11); `result` is zstd of JSON lines.
_REPORT = """
create table log_report (
    id uuid primary key,
    asked timestamptz not null default now(),
    asked_by text not null,
    provider text not null,
    question bytea not null,
    state text not null default 'waiting' constraint log_report_state check (state in ('waiting', 'ready', 'failed')),
    posts integer,
    result bytea
)"""

# How far the patterns have been looked for: the number of the last batch.
_LOOKED = """
create table log_looked ("only" smallint primary key default 1 check ("only" = 1), batch bigint not null)"""

_APPEND_ONLY = """
create function log_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the access log is append-only';
end $$"""

_STATEMENTS = (
    _BATCH, _ENTRY, _WHO, _HEAD, _ALARM, _REVIEW, _REPORT, _LOOKED, _APPEND_ONLY,
    "create sequence log_batch_number as bigint",
    "create index log_batch_chain on log_batch (chain, seq)",
    "create index log_batch_id on log_batch (id)",
    "create index log_entry_pat on log_entry (pat, at)",
    "create index log_entry_who on log_entry (who, at)",
    "create index log_entry_batch on log_entry (batch)",
    "create index log_who_actor on log_who (actor)",
    "create index log_who_unit on log_who (unit)",
    "create index log_review_open on log_review (provider, opened) where state = 'open'",
    "create trigger log_batch_append_only before update or delete on log_batch"
    " for each row execute function log_is_append_only()",
    "create trigger log_entry_append_only before update or delete on log_entry"
    " for each row execute function log_is_append_only()",
    "insert into log_looked(batch) values (0)",
)  # fmt: skip


def create_log() -> None:
    """The region's log. Months are made when they are met (information_platform.log.months)."""
    for statement in _STATEMENTS:
        op.execute(statement)
