"""Exports, imports and re-indexing are jobs, which outlive their requests and processes."""

from fhirserver.schema_work import create_jobs

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    create_jobs()
