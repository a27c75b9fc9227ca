"""What the access log got after its first form: who acted as they were then, and what the region must still be told. Frozen."""

from alembic import op

# `who`: the number of everything the caller was at that moment (access_who); `args`: what was asked, in words of ours (LOG-04).
_ROWS = "alter table access_log add column who bigint, add column args text"

# Everybody who ever acted, as their token said it then: `id` is the hash of `value` (fhirserver.logwho).
_WHO = "create table access_who (id bigint primary key, value bytea not null)"

# Batches that the region has not been told of, in the order of their chains; emptied all the time.
_UNTOLD = """
create table access_untold (
    id bigint generated always as identity primary key,
    chain bigint not null,
    seq bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000)"""

# What was logged before this migration is told too.
_BEFORE = "insert into access_untold(chain, seq) select chain, seq from access_chain order by chain, seq"


def create_log_telling() -> None:
    """For each service that holds an access log."""
    for statement in (_ROWS, _WHO, _UNTOLD, _BEFORE):
        op.execute(statement)


def prune_log() -> None:
    """When the rows of a batch went because the region holds them; null: they are here."""
    op.execute("alter table access_chain add column gone timestamptz")
