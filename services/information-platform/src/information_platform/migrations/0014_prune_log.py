"""Rows of the access log go once the region holds them; their links stay (D7)."""

from fhirserver.schema_log import prune_log

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    prune_log()
