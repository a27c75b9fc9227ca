"""The storage: one row per current resource, small side tables for the index, old versions, labels and the access log.

A service's first migration calls `create_engine_tables`. The text is frozen: a change is a new function and a migration.
"""

from alembic import op

# Current versions only. `key` is the keyed hash of Type/id (D2); `pat` the key of the patient it is about (0: none);
# `dt`..`dte` the main clinical time in µs since 1970 UTC, half-open; `code` the hash of the main code; `sver` the version
# at its source ((epoch << 40) | version, null where this door is the source); `refs` the keys it points at; `tok` the
# hashes of everything else it can be found by; `lab` its legal label; `body` begins with a format byte (D8).
_RES = """
create table res (
    key bigint not null,
    pat bigint not null,
    dt bigint not null,
    dte bigint,
    code bigint not null,
    upd timestamptz not null,
    sver bigint,
    ver integer not null,
    lab integer not null,
    rtype smallint not null,
    id text not null,
    refs bigint[],
    tok bigint[],
    body bytea not null,
    constraint res_pkey primary key (key)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)"""

# A resource with further main codes, or about further patients, stands here once per further combination.
# `also`: 1 another subject, 2 another code, 3 somebody else it concerns.
_ALT = """
create table alt (
    key bigint not null,
    pat bigint not null,
    dt bigint not null,
    code bigint not null,
    rtype smallint not null,
    also smallint not null
)"""

# Identifiers: the hash of Type.identifier|system|value, and of the value alone. A hit is checked against the body (D2).
_IDT = "create table idt (h bigint not null, key bigint not null)"

# Strings, folded (no case, no accents): prefix and containment searches.
_STR = "create table str (h bigint not null, key bigint not null, val text not null)"

# Ranges: further dates (µs), numbers, quantities; `u` and `n` are hashes of system|code and of the unit alone.
_RNG = """
create table rng (
    h bigint not null,
    key bigint not null,
    lo double precision not null,
    hi double precision not null,
    u bigint,
    n bigint
)"""

# Old versions, and tombstones (op 'D', no body).
_HIST = """
create table hist (
    key bigint not null,
    ver integer not null,
    upd timestamptz not null,
    sver bigint,
    pat bigint not null,
    lab integer not null,
    rtype smallint not null,
    op char(1) not null default 'P',
    id text not null,
    body bytea,
    constraint hist_pkey primary key (key, ver)
)"""

# What `lab` means. Few rows, never changed, cached by every process.
_LABEL = """
create table label (
    id integer generated always as identity primary key,
    provider text not null,
    unit text not null,
    info text not null,
    security text not null,
    constraint label_meaning unique (provider, unit, info, security)
)"""

# Records that are one person (D1): every key of the person, so that a patient predicate expands to all of them.
_SAME = """
create table same (
    key bigint primary key,
    person bigint not null,
    version bigint not null
)"""

# One row per request about patients; the arrays hold one place per distinct combination (D7).
_LOG = """
create table access_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    chain bigint not null,
    seq bigint not null,
    actor text not null,
    commission text,
    client text not null,
    purpose text not null,
    activity text not null,
    trace text,
    patients bigint[] not null,
    types smallint[] not null,
    labels integer[] not null,
    returned integer not null,
    withheld integer not null,
    policy text not null
)"""

# The hash chains of the log: one row per batch, over its rows and the hash before.
_CHAIN = """
create table access_chain (
    chain bigint not null,
    seq bigint not null,
    at timestamptz not null,
    rows integer not null,
    hash bytea not null,
    primary key (chain, seq)
)"""

# Answers kept for a write that is sent again with its Idempotency-Key (D6).
_IDEMPOTENCY = """
create table idempotency (
    client text not null,
    key text not null,
    request bytea not null,
    at timestamptz not null,
    status smallint not null,
    headers text not null,
    body bytea not null,
    primary key (client, key)
)"""

# Texts behind hashes (fhirserver.terms): what codes are called, uris, and which parameters a resource has.
_TERM = """
create table term (
    h bigint primary key,
    at bigint not null,
    val text not null
)"""

# The words of a resource, hashed (fhirserver.words): part 1 its narrative, 2 everything. Empty unless full text is kept.
_TXT = "create table txt (key bigint not null, part smallint not null, words bigint[] not null)"

_SEARCHING = (
    _TERM, _TXT,
    "create index term_at on term (at)",
    "create index txt_words on txt using gin (words)",
    "create index txt_key on txt (key)",
    # A sum of the text as written; null until the index is made again, which begins by itself.
    "alter table str add column x integer",
)  # fmt: skip

_TABLES = (_RES, _ALT, _IDT, _STR, _RNG, _HIST, _LABEL, _SAME, _LOG, _CHAIN, _IDEMPOTENCY)

_INDEXES = (
    "create index res_pat_rtype_code_dt on res (pat, rtype, code, dt)",
    "create index res_pat_rtype_dt on res (pat, rtype, dt)",
    "create index res_rtype_code_dt on res (rtype, code, dt)",
    "create index res_rtype_dt on res (rtype, dt)",
    "create index res_tok on res using gin (tok) with (fastupdate = on, gin_pending_list_limit = 4096)",
    "create index res_upd on res using brin (upd)",
    "create index alt_pat on alt (pat, rtype, also, dt)",
    "create index alt_code on alt (rtype, code, dt)",
    "create index alt_key on alt (key)",
    "create index idt_h on idt (h, key)",
    "create index idt_key on idt (key)",
    "create index str_h on str (h, val text_pattern_ops, key)",
    "create index str_key on str (key)",
    "create index rng_h on rng (h, lo, key)",
    "create index rng_key on rng (key)",
    "create index same_person on same (person)",
    "create index access_log_patients on access_log using gin (patients)",
    "create index access_log_at on access_log using brin (at)",
    "create index access_log_chain on access_log (chain, seq)",
    "create index idempotency_at on idempotency (at)",
)


def create_engine_tables() -> None:
    """Everything the engine stores, in the database of one service."""
    for statement in (*_TABLES, *_INDEXES):
        op.execute(statement)
    for table in ("res", "hist"):  # bodies are compressed already
        op.execute(f"alter table {table} alter column body set storage external")


def create_search() -> None:
    """What the modifiers :text, :below, :missing and :exact look into, and the words of full-text search."""
    for statement in _SEARCHING:
        op.execute(statement)


def create_histories() -> None:
    """The way to what happened in a stretch of time (histories of a type and of everything)."""
    op.execute("create index hist_upd on hist using brin (upd) with (autosummarize = on)")


def create_meanings() -> None:
    """What a code may be asked as (the code alone, its system alone) and the hashes that rows carry for it (fhirserver.terms)."""
    op.execute("create table means (asked bigint not null, h bigint not null, primary key (asked, h))")
