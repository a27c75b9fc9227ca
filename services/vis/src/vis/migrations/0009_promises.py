"""References that the region is asked about later (D18)."""

from fhirserver.schema_work import create_promises

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    create_promises()
