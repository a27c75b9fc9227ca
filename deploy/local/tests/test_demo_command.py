"""`fvm demo`: refused where it does not belong, and helpful about it."""

import json
from pathlib import Path

import pytest

from fvm import cli
from fvm.demo import loading, playing
from fvm.demo.doors import Doors
from fvm.trouble import Trouble


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_DATA", str(tmp_path))
    monkeypatch.delenv("FVM_MODE", raising=False)


@pytest.mark.parametrize("what", ["load", "play", "status"])
def test_it_is_refused_in_production(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FVM_MODE", "production")

    assert cli.main(["demo", what]) == 2
    assert "in production" in capsys.readouterr().err


def test_a_region_born_in_production_refuses_it_also_when_the_mode_is_not_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "region.json").write_text(json.dumps({"id": "x", "mode": "production"}))

    assert cli.main(["demo", "load"]) == 2
    assert "in production" in capsys.readouterr().err


def test_without_a_region_it_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "status"]) == 1
    assert "start it with `make run`" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--per-minute", "0"], ["--per-minute", "601"], ["--minutes", "0"]])
def test_a_rate_that_makes_no_sense_is_wrong_use(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "play", *wrong]) == 2
    assert "must be above 0" in capsys.readouterr().err


def test_a_loaded_region_is_not_loaded_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "is_loaded", lambda doors: True)
    monkeypatch.setattr(loading, "load", lambda *_: pytest.fail("it was loaded again"))

    assert cli.main(["demo", "load"]) == 0
    assert "loaded already" in capsys.readouterr().out


def test_playing_goes_on_at_the_rate_asked_for_and_each_event_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    written: list[tuple[str, str]] = []
    doors = Doors(cli.status.from_environment())
    monkeypatch.setattr(doors, "token", lambda who, commission=None: who)
    monkeypatch.setattr(doors, "hl7", lambda messages: written.append(("hl7", next(iter(messages)))) or 1)
    monkeypatch.setattr(doors, "ask", lambda *given, **_: written.append(("event", given[3]["id"])))
    monkeypatch.setattr(doors, "transaction", lambda given, *_: written.extend(("vis", one["id"]) for one in given))

    playing.play(doors, told.append, per_minute=600, minutes=3 / 60)

    assert 20 <= len(told) - 2 <= 31
    assert told[-1] == f"played {len(told) - 2} events"
    assert len(set(written)) == len(written)


def test_a_door_that_stays_away_ends_playing_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors(cli.status.from_environment())

    def away(*_: object, **__: object) -> None:
        raise Trouble("HL7 v2 over MLLP does not answer at port 2575.")

    for name in ("hl7", "ask", "transaction", "token"):
        monkeypatch.setattr(doors, name, away)
    with pytest.raises(Trouble, match="does not answer"):
        playing.play(doors, lambda line: None, per_minute=600, minutes=1)
