"""An emergency opens what may matter, by information type (EMG-03)."""

from fhirserver.schema_law import narrow_consents

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    narrow_consents()
