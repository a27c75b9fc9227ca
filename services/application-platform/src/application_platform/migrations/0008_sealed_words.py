"""What patients and units write here is sealed: beside the columns that say it stands one that has all of it (D8)."""

from alembic import op

revision, down_revision = "0008", "0006"

_EMPTY = {
    "message_thread": {"patient_name": "''", "subject": "''", "about": "''"},
    "message": {"body": "''"},
    "own_entry": {"numbers": "'{}'", "note": "''"},
    "health_form": {"answers": "'{}'"},
}


def upgrade() -> None:
    for table, columns in _EMPTY.items():
        op.execute(f"alter table {table} add column sealed bytea")
        op.execute(f"create index {table}_open_idx on {table} (id) where sealed is null")
        for column, value in columns.items():
            op.execute(f"alter table {table} alter column {column} set default {value}")
