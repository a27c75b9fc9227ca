"""VIS keeps the facts of the work in care, and tells the region of them."""

from fhirserver.schema import create_engine_tables
from kit.migrate import create_inbox, create_outbox, create_region

revision, down_revision = "0001", None


def upgrade() -> None:
    create_region()
    create_outbox()
    create_inbox()
    create_engine_tables()
