"""The access log is told to the region (D7)."""

from fhirserver.schema_log import create_log_telling

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    create_log_telling()
