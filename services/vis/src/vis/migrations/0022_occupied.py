"""Which bed is taken by whom, and where a patient has an ongoing stay: the database itself refuses a second one."""

from alembic import op

revision, down_revision = "0022", "0021"

_STATEMENTS = (
    """
    create table occupied (
        stay text primary key,
        patient text not null,
        unit text,
        inpatient boolean not null,
        bed text,
        constraint occupied_bed unique (bed)
    )""",
    "create unique index occupied_once on occupied (patient, unit) where inpatient",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
