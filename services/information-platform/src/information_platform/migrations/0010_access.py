"""The owner's tables of the law: every act with its history, what each opens to do, and when the region told that it lives."""

from alembic import op

revision, down_revision = "0010", "0009"

_STATEMENTS = (
    # One row per act (access.acts.Act), written once. `who` is the guardian or mandate holder it names.
    """
    create table access_act (
        id uuid primary key,
        patient text not null,
        who text not null,
        kind text not null,
        at timestamptz not null,
        by text not null,
        told_by text not null,
        recorded_at timestamptz not null default now(),
        value bytea not null
    )""",
    "create index access_act_patient on access_act (patient)",
    "create index access_act_who on access_act (who) where who <> ''",
    # BLK-10: nothing that was done is changed. Only an order of destruction takes it away (D8).
    """
    create function access_act_stays() returns trigger language plpgsql as $$
    begin
        if tg_op = 'DELETE' and current_setting('fvm.erasing', true) = 'on' then
            return old;
        end if;
        raise exception 'an act of the law is never changed';
    end $$""",
    """
    create trigger access_act_stays before update or delete on access_act
    for each row execute function access_act_stays()""",
    # What somebody must do because of an act: review an emergency, lift a block that another provider asks to have lifted,
    # tell the patient. `unit` and `provider` say whose it is.
    """
    create table access_task (
        id bigint generated always as identity primary key,
        act uuid not null,
        kind text not null,
        patient text not null,
        unit text not null,
        provider text not null,
        due timestamptz not null,
        made_at timestamptz not null default now(),
        done_at timestamptz,
        done_by text,
        outcome text,
        note text
    )""",
    "create index access_task_open on access_task (provider, unit, due) where done_at is null",
    "create unique index access_task_once on access_task (act, kind)",
    # Who of the region's persons has protected personal data, as the record says it.
    "create table access_protected (person text primary key, level text not null)",
    # The rules for everybody, every version.
    """
    create table access_rules_version (
        version bigint generated always as identity primary key,
        at timestamptz not null default now(),
        by text not null,
        value bytea not null
    )""",
    # The last heartbeat, so that one process of several gives it.
    """create table access_beat ("only" smallint primary key default 1 check ("only" = 1), at timestamptz not null)""",
    "insert into access_beat(at) values ('epoch')",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
