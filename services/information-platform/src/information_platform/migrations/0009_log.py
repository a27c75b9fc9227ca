"""The access log is told to the region, and the region collects it: evidence, index, alarms, reports, review tasks (D7)."""

from fhirserver.schema_log import create_log_telling
from information_platform.log.schema import create_log

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    create_log_telling()
    create_log()
