"""What a code is asked as, beside the one hash that rows carry of it (decision 0021)."""

from fhirserver.schema import create_meanings

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    create_meanings()
