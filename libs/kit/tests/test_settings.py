"""Settings and events: the environment's names, the region's prefix, events as headers and back."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from kit.events import CloudEvent, UnreadableEvent, from_headers, to_headers
from kit.settings import Settings


def test_settings_come_from_the_environment_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("FVM_MODE", "demo")
    monkeypatch.setenv("FVM_REGION", "north")

    settings = Settings()  # type: ignore[call-arg]

    assert (settings.mode, settings.topic("vis.record.v1"), settings.group("g")) == (
        "demo",
        "north.vis.record.v1",
        "north.g",
    )
    with pytest.raises(ValidationError):
        settings.mode = "production"  # type: ignore[misc]


def test_production_is_the_default_and_without_a_region_names_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FVM_MODE", raising=False)
    monkeypatch.delenv("FVM_REGION", raising=False)

    settings = Settings(database_url="postgresql://x")

    assert (settings.mode, settings.topic("a.v1"), settings.group("g")) == ("production", "a.v1", "g")


def test_an_event_survives_its_headers() -> None:
    event = CloudEvent(
        id="1",
        source="vis",
        type="vis.record.v1",
        time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        data=b"\x01",
        key="p1",
        subject="Patient/p1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        extensions={"part": "1", "parts": "2"},
    )

    assert from_headers(to_headers(event), "p1", b"\x01") == event


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_type", "ce_specversion"])
def test_an_event_without_a_required_attribute_is_refused_by_name(missing: str) -> None:
    headers = {"ce_id": b"1", "ce_source": b"s", "ce_type": b"t", "ce_specversion": b"1.0"}
    del headers[missing]

    with pytest.raises(UnreadableEvent, match=missing[3:]):
        from_headers(list(headers.items()), None, b"")
