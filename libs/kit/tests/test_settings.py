"""Settings and events: the environment's names, the region's prefix, events as headers and back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from kit.events import CloudEvent, UnreadableEvent, from_headers, to_headers
from kit.settings import Settings, WrongSettings, read


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


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FVM_DATABASE_URL", raising=False)
    (tmp_path / "url").write_text("postgresql://role:secret@db/x\n")
    monkeypatch.setenv("FVM_DATABASE_URL_FILE", str(tmp_path / "url"))

    settings = read(Settings)

    assert settings.database_url == "postgresql://role:secret@db/x"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "FVM_DATABASE_URL is not set (nor FVM_DATABASE_URL_FILE); docs/reference/settings.md says what it is."),
        (
            {"FVM_DATABASE_URL": "postgresql://x", "FVM_DATABASE_URL_FILE": "/nowhere"},
            "Both FVM_DATABASE_URL and FVM_DATABASE_URL_FILE are set; set one of them.",
        ),
        (
            {"FVM_DATABASE_URL_FILE": "/nowhere/url"},
            "FVM_DATABASE_URL_FILE names /nowhere/url, which cannot be read (No such file or directory).",
        ),
        ({"FVM_DATABASE_URL_FILE": "/dev/null"}, "FVM_DATABASE_URL_FILE names /dev/null, which is empty."),
        (
            {"FVM_DATABASE_URL": "postgresql://x", "FVM_KAFKA_SECURITY": "SASL_SSL", "FVM_KAFKA_PASSWORD": "s3cret"},
            "FVM_KAFKA_SECURITY asks for FVM_KAFKA_USER and FVM_KAFKA_PASSWORD.",
        ),
        (
            {"FVM_DATABASE_URL": "postgresql://x", "FVM_MODE": "s3cret"},
            "FVM_MODE is wrong: Input should be 'demo' or 'production'.",
        ),
        (
            {"FVM_DATABASE_URL": "postgresql://x", "FVM_CERTIFICATE": "/a.pem"},
            "FVM_CERTIFICATE and FVM_KEY are set together.",
        ),
    ],
)
def test_settings_that_are_wrong_are_said_in_a_sentence_without_their_values(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    for name in ("FVM_DATABASE_URL", "FVM_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(WrongSettings) as wrong:
        read(Settings)

    assert str(wrong.value) == sentence
