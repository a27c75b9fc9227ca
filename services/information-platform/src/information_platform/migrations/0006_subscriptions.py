"""Subscriptions, their changes and their events."""

from fhirserver.subscribing.schema import create_subscriptions

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    create_subscriptions()
