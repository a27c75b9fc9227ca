"""Every modifier of search has what it looks into."""

from fhirserver.schema import create_search

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    create_search()
