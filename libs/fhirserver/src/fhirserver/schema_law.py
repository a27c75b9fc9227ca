"""The tables of the law: facts of patients, and the same facts as rows for the predicate in SQL. Frozen, as those of `schema`."""

from alembic import op

# All facts of a patient, by key of the store, as JSON (access.Facts).
_FACT = "create table access_fact (pat bigint primary key, version bigint not null, value bytea not null)"

# Patient relations of units: those of facts (source null), and those that a stored resource gives (source: its key).
_RELATION = """
create table access_relation (
    unit text not null,
    pat bigint not null,
    since timestamptz not null,
    until timestamptz not null,
    employee text,
    ground text not null,
    source bigint
)"""
_CHOICE = """
create table access_choice (
    session text not null,
    pat bigint not null,
    until timestamptz not null,
    primary key (session, pat)
)"""
_CONSENT = """
create table access_consent (
    unit text not null,
    pat bigint not null,
    provider text not null,
    since timestamptz not null,
    until timestamptz not null,
    employee text
)"""
# `unit` is null of an outer block; `lo` and `hi` bound the time of the information, µs, half-open.
_BLOCK = """
create table access_block (
    id text not null,
    pat bigint not null,
    provider text not null,
    unit text,
    lo bigint,
    hi bigint,
    excluded text[] not null,
    primary key (pat, id)
)"""
_REVOKE = """
create table access_revoke (
    block text not null,
    pat bigint not null,
    unit text not null,
    employee text,
    until timestamptz not null
)"""
_RULES = """
create table access_rules ("only" smallint primary key default 1 check ("only" = 1), value bytea not null)"""

# Which labels there are of a patient: for the notice that something is withheld (D10).
_PATIENT_LABEL = "create table patient_label (pat bigint not null, lab integer not null, primary key (pat, lab))"

_STATEMENTS = (
    _FACT, _RELATION, _CHOICE, _CONSENT, _BLOCK, _REVOKE, _RULES, _PATIENT_LABEL,
    "create index access_relation_pat on access_relation (pat, unit)",
    "create index access_relation_unit on access_relation (unit, until, pat)",
    "create unique index access_relation_source on access_relation (source, pat) where source is not null",
    "create index access_choice_pat on access_choice (pat)",
    "create index access_consent_pat on access_consent (pat, unit)",
    "create index access_revoke_pat on access_revoke (pat, block)",
    "insert into patient_label(pat, lab) select distinct pat, lab from res where pat <> 0",
)  # fmt: skip


def create_law() -> None:
    """The law's tables, and the labels of the patients who are there."""
    for statement in _STATEMENTS:
        op.execute(statement)


def narrow_consents() -> None:
    """A consent, or an emergency, about some information types only (EMG-03); null: about all."""
    op.execute("alter table access_consent add column info text[]")
