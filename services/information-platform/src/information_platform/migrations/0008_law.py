"""The facts of the law, beside the record (D9)."""

from fhirserver.schema_law import create_law

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    create_law()
