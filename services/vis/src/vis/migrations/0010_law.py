"""The facts of the law, beside the record (D9)."""

from fhirserver.schema_law import create_law

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    create_law()
