"""What the application platform tells is what its contract promises."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from jsonschema import Draft202012Validator, FormatChecker

from application_platform.events import Reason, SessionRevoked

CONTRACTS = Path(__file__).parents[3] / "contracts" / "events"


def promised(name: str) -> Any:
    return json.loads((CONTRACTS / name).read_text())


def a_revocation() -> SessionRevoked:
    return SessionRevoked(
        session="0b9f1f0e-6a0a-4f0e-9b3c-6d1f6d1f2a10",
        reason="signed-out",
        revoked_at=datetime(2026, 3, 2, 7, 45, 12, 345_678, UTC),
        forget_after=datetime(2026, 3, 3, 7, 45, 12, 345_678, UTC),
    )


def test_a_revoked_session_is_told_as_promised() -> None:
    example = promised("examples/application.session-revoked.v1.json")

    assert a_revocation().payload() == example
    schema = promised("application.session-revoked.v1.schema.json")
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(example)


def test_every_reason_we_give_is_in_the_contract() -> None:
    schema = promised("application.session-revoked.v1.schema.json")

    assert set(get_args(Reason)) == set(schema["properties"]["reason"]["enum"])


def test_the_event_is_keyed_by_session_on_a_topic_of_its_own() -> None:
    message = a_revocation().outgoing()

    assert message.topic == message.event.type == "application.session-revoked.v1"
    assert message.key == message.event.key == "0b9f1f0e-6a0a-4f0e-9b3c-6d1f6d1f2a10"
    assert json.loads(message.event.data) == a_revocation().payload()
