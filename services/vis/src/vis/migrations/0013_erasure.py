"""Keys that can be destroyed, and orders of destruction (D8)."""

from fhirserver.schema_work import create_erased
from kit.migrate import create_keys

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    create_keys()
    create_erased()
