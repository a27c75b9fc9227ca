"""Settings: the environment is understood, or refused with the variable's name; a region keeps what it is born with."""

import stat
from pathlib import Path

import pytest

from fvm import memory as remembered
from fvm import settings
from fvm.identity import must_be_the_same, must_have_room, remember
from fvm.trouble import Trouble


def test_an_empty_environment_gives_the_demo_region_on_the_usual_ports() -> None:
    found = settings.from_environment({})

    assert (found.gateway_port, found.mllp_port, found.mode, found.prefix) == (8080, 2575, "demo", "fvm")
    assert found.public_url == "http://localhost:8080"
    assert found.data.name == "var"


def test_the_public_url_follows_the_gateways_port_unless_it_is_given() -> None:
    assert settings.from_environment({"FVM_GATEWAY_PORT": "9090"}).public_url == "http://localhost:9090"
    given = {"FVM_GATEWAY_PORT": "9090", "FVM_PUBLIC_URL": "https://region.example/"}
    assert settings.from_environment(given).public_url == "https://region.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FVM_GATEWAY_PORT", "http"),
        ("FVM_MLLP_PORT", "70000"),
        ("FVM_MODE", "test"),
        ("FVM_REGION", "Norr"),
        ("FVM_REGION", "north-west"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Trouble, match=f"{name} is '{value}'"):
        settings.from_environment({name: value})


def test_a_regions_memory_is_readable_by_its_owner_only_and_comes_back_the_same(tmp_path: Path) -> None:
    memory = remembered.Memory(region="north", mode="demo", ports={"vis": 20001})
    memory.password("north_vis")

    remembered.save(tmp_path / "region.json", memory)

    assert remembered.load(tmp_path / "region.json") == memory
    assert stat.S_IMODE((tmp_path / "region.json").stat().st_mode) == 0o600


def test_a_broken_memory_is_said_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "region.json"
    file.write_text("{")

    with pytest.raises(Trouble, match=r"region\.json cannot be read"):
        remembered.load(file)

    assert file.read_text() == "{"


@pytest.mark.parametrize(
    "change",
    [
        {"FVM_MODE": "production"},
        {"FVM_REGION": "south"},
        {"FVM_POSTGRES_URL": "postgresql://boss:secret@db:5432/postgres"},
        {"FVM_KAFKA": "broker:9092"},
    ],
)
def test_a_region_refuses_to_become_another_one(tmp_path: Path, change: dict[str, str]) -> None:
    born = {"FVM_DATA": str(tmp_path), "FVM_REGION": "north"}
    memory = remembered.Memory()
    remember(memory, settings.from_environment(born))

    with pytest.raises(Trouble, match=next(iter(change))) as trouble:
        must_be_the_same(memory, settings.from_environment(born | change), adopt=False)

    assert "secret" not in trouble.value.sentence


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 12_000_000})())

    with pytest.raises(Trouble, match=r"Only 12 MB are free .*FVM_DATA"):
        must_have_room(tmp_path / "not" / "yet")

    assert list(tmp_path.iterdir()) == []


def test_a_region_whose_stores_have_moved_may_be_told_so(tmp_path: Path) -> None:
    born = {"FVM_DATA": str(tmp_path)}
    memory = remembered.Memory()
    remember(memory, settings.from_environment(born))

    must_be_the_same(memory, settings.from_environment(born | {"FVM_KAFKA": "new:9092"}), adopt=True)
    with pytest.raises(Trouble, match="FVM_MODE"):
        must_be_the_same(memory, settings.from_environment(born | {"FVM_MODE": "production"}), adopt=True)
