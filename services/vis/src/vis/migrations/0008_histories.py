"""Histories of a type and of everything."""

from fhirserver.schema import create_histories

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    create_histories()
