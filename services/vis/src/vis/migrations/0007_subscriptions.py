"""Subscriptions, their changes and their events."""

from fhirserver.subscribing.schema import create_subscriptions

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    create_subscriptions()
