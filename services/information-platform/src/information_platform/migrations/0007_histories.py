"""Histories of a type and of everything."""

from fhirserver.schema import create_histories

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    create_histories()
