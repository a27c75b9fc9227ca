"""Orders of destruction, and whom each message names (D8, REC-06)."""

from alembic import op

from kit.migrate import create_keys

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    create_keys()
    op.execute("create table message_person (person text, message bigint, primary key (person, message))")
    op.execute("create index message_person_message_idx on message_person (message)")
