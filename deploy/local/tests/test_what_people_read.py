"""What a person reads on the terminal: where to go now, who there is instead of nobody, and what is otherwise than asked."""

import os
from pathlib import Path
from typing import Any

import pytest

from fvm import beside, cli, health, people, pids, show, state
from fvm import memory as remembered
from fvm.people import Someone
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble

PEOPLE = [
    Someone("Anna Lind", "anna", "Läkare, Medicinmottagningen Norrby"),
    Someone("Björn Ek", "bjorn", "Sjuksköterska, Medicinmottagningen Norrby"),
    *(Someone(f"Person {number}", f"p{number}", "Läkare, Vårdcentralen Almvik") for number in range(6)),
    Someone("Bench", "bench", "system"),
]
URLS = {"mode": "demo", "portal": "http://localhost:8080/portal", "HL7 v2 over MLLP": "127.0.0.1:2575"}


@pytest.fixture
def running(tmp_path: Path) -> Settings:
    """A region that says it is ready: this process stands in for its runner."""
    places = Places(tmp_path)
    pids.write(places.run, pids.know(state.RUNNER, os.getpid()))
    state.write(places, state.State("ready", urls=URLS))
    return Settings(data=tmp_path)


def test_the_portal_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    show.doors(URLS)
    show.crowd(PEOPLE)
    show.portal(URLS)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[-1] == "Open the portal: http://localhost:8080/portal"
    assert any("anna" in line for line in lines[:-1])


@pytest.mark.parametrize(("who", "first"), [("ana", "anna"), ("ANNA", "anna"), ("Lind", "anna"), ("bjørn", "bjorn")])
def test_a_token_for_nobody_names_who_there_is_closest_first(
    running: Settings, monkeypatch: pytest.MonkeyPatch, who: str, first: str
) -> None:
    refusal = {"type": "/problems/application/person-not-found", "detail": "There is no such person"}
    monkeypatch.setattr(remembered, "load", lambda _: type("M", (), {"ports": {"application": 1}}))
    monkeypatch.setattr(health, "post", lambda *_: (404, refusal))
    monkeypatch.setattr(people, "everybody", lambda _: PEOPLE)

    with pytest.raises(Trouble) as told:
        people.token(running, who, 1, None)

    head, nearest, *rest = told.value.sentence.splitlines()
    assert head == f"There is no demo person or system called {who}. Closest:"
    assert nearest.split()[0] == first
    assert all(one.who in "\n".join([nearest, *rest]) for one in PEOPLE)


def test_another_refusal_of_a_token_keeps_its_own_words(running: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"type": "/problems/application/commission-to-choose", "detail": "Name one of them"}
    monkeypatch.setattr(remembered, "load", lambda _: type("M", (), {"ports": {"application": 1}}))
    monkeypatch.setattr(health, "post", lambda *_: (400, refusal))
    with pytest.raises(Trouble, match="No token for carin"):
        people.token(running, "carin", 1, None)


def test_a_region_that_runs_as_it_was_asked_for_differs_in_nothing(tmp_path: Path) -> None:
    assert beside.differences(Settings(data=tmp_path), URLS) == ""
    assert beside.differences(Settings(data=tmp_path), {}) == ""


@pytest.mark.parametrize("verb", ["up", "run"])
def test_another_port_beside_a_running_region_of_the_same_folder_names_the_difference(
    verb: str, running: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FVM_DATA", str(running.data))
    monkeypatch.setenv("FVM_GATEWAY_PORT", "9090")
    for name in ("FVM_MLLP_PORT", "FVM_PUBLIC_URL", "FVM_MODE", "FVM_HOST", "FVM_POSTGRES_URL", "FVM_KAFKA"):
        monkeypatch.delenv(name, raising=False)

    with state.alone(Places(running.data)):
        assert cli.main([verb]) == 1

    told: Any = capsys.readouterr().err
    assert "portal is http://localhost:8080/portal, not http://localhost:9090/portal (FVM_GATEWAY_PORT" in told
    assert "MLLP" not in told
    assert "make down" in told
