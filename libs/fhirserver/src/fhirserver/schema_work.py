"""The tables of what is still to be done: jobs, their files, promised references. Frozen, as those of `schema`."""

from alembic import op

# Work that outlives its request (fhirserver.operations). `turn` counts who took it up; `beat` is the last sign of life.
_JOB = """
create table job (
    id uuid primary key,
    kind text not null,
    state text not null constraint job_state check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
    client text not null,
    subject text not null,
    caller text not null,
    request text not null,
    asked bytea not null,
    at timestamptz not null default clock_timestamp(),
    turn integer not null default 0,
    beat timestamptz not null default clock_timestamp(),
    as_of timestamptz,
    place bytea not null default '',
    told text not null default '',
    ended timestamptz
) with (fillfactor = 50)"""

# The files of a job: versions by key and version, with what the access log says of them (distinct patient and label,
# counted); or, of kind 'error', outcomes as they are answered, packed.
_JOB_PART = """
create table job_part (
    job uuid not null references job on delete cascade,
    n integer not null,
    kind text not null,
    rtype smallint not null,
    keys bigint[],
    vers integer[],
    pats bigint[],
    labs integer[],
    counts integer[] not null,
    body bytea,
    primary key (job, n)
)"""

# What made the index entries: code and search parameters, as a hash.
_INDEX_STATE = """
create table index_state ("only" smallint primary key default 1 check ("only" = 1), maker text not null)"""

_JOBS = (
    _JOB, _JOB_PART, _INDEX_STATE,
    "create index job_open on job (at) where state in ('waiting', 'running')",
    "create index hist_deleted on hist (upd) where op = 'D'",
)  # fmt: skip


def create_jobs() -> None:
    """Jobs, their files, what made the index, and the way to what was deleted since."""
    for statement in _JOBS:
        op.execute(statement)


# References to what was nowhere to be found when somebody who might hold it could not be asked (fhirserver.promises).
_PROMISED = """
create table promised_reference (
    target text not null,
    source text not null,
    at timestamptz not null default clock_timestamp(),
    state text not null default 'waiting' constraint promised_reference_state check (state in ('waiting', 'missing')),
    looked timestamptz,
    primary key (target, source)
)"""


def create_promises() -> None:
    """What is still to be found."""
    op.execute(_PROMISED)


# What was destroyed by order (D8): whose key, by which order. The place keeps a tombstone in `hist`.
_ERASED = """
create table erased (
    key bigint primary key,
    erasure uuid not null,
    at timestamptz not null
)"""


def create_erased() -> None:
    """What was destroyed, so that a read can say so."""
    op.execute(_ERASED)
