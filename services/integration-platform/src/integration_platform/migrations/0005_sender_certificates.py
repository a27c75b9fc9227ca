"""A sender may be told apart by the certificate that it shows (D3)."""

from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.execute("alter table sender add column certificate text")
    op.execute("drop index sender_mllp_key")
    op.execute(
        "create unique index sender_mllp_key on sender (port, network, application, facility, certificate)"
        " nulls not distinct where port is not null"
    )
