"""What operators do with set-aside messages is written down, and what they give up stays."""

from kit.migrate import create_operations

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    create_operations()
