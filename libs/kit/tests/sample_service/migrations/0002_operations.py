"""What operators do, in the sample service."""

from kit.migrate import create_operations

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    create_operations()
