"""${message}."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "${up_revision}", ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
