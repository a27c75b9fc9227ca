"""Orders of destruction (D8)."""

from kit.migrate import create_keys

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    create_keys()
