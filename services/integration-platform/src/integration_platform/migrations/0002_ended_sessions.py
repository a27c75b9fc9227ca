"""A sign-out is remembered, so that it also holds after a restart."""

from kit.migrate import create_revoked_sessions

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    create_revoked_sessions()
