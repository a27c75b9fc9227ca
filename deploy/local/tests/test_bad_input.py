"""Wrong addresses, strange stores, old data: one sentence each that says what to do, before anything is started."""

import asyncio
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fvm import databases, memory, ports, postgres, topics
from fvm.cli import main
from fvm.memory import Memory
from fvm.places import Places
from fvm.region import Region
from fvm.services import SERVICES
from fvm.settings import from_environment
from fvm.trouble import Trouble


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of a listener that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def refused(data: Path, **environment: str) -> str:
    """The sentence with which a region does not start; no part of it has run."""
    doors = ports.settle({}, ("gateway", "mllp"), set())
    told = {"FVM_DATA": str(data), "FVM_GATEWAY_PORT": str(doors["gateway"]), "FVM_MLLP_PORT": str(doors["mllp"])}
    said: list[str] = []
    with pytest.raises(Trouble) as trouble:
        _start(told | environment, said)
    assert said == []
    assert "secret" not in trouble.value.sentence
    return trouble.value.sentence


def _start(environment: dict[str, str], said: list[str]) -> None:
    region = Region(from_environment(environment), said.append, lambda: False)
    try:
        region.start()
    finally:
        left = list(region.running)
        region.stop()
        assert left == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("garbage", "FVM_POSTGRES_URL cannot be understood; it looks like postgresql://"),
        ("postgresql://boss:secret@db:five/postgres", "FVM_POSTGRES_URL cannot be understood"),
        ("postgresql://boss:secret@db:70000/postgres", "FVM_POSTGRES_URL cannot be understood"),
        ("mysql://boss:secret@db/x", "FVM_POSTGRES_URL cannot be understood"),
        ("postgresql://boss:secret@127.0.0.1:1/postgres", "PostgreSQL does not answer at 127.0.0.1:1"),
        (
            "postgresql://boss:secret@no.such.host.invalid/postgres",
            "PostgreSQL does not answer at no.such.host.invalid",
        ),
    ],
)
def test_a_wrong_address_of_postgresql_is_said(tmp_path: Path, url: str, sentence: str) -> None:
    assert refused(tmp_path, FVM_POSTGRES_URL=url).startswith(sentence)


@pytest.mark.parametrize("kafka", ["broker", "broker:", ":9092", "broker:70000", "one:9092,two"])
def test_a_wrong_address_of_kafka_is_said(tmp_path: Path, kafka: str) -> None:
    assert (
        refused(tmp_path, FVM_KAFKA=kafka)
        == f"FVM_KAFKA is '{kafka}'; it must be host:port, several with commas between."
    )


def test_stores_that_take_connections_but_say_nothing_are_not_waited_for_long(
    tmp_path: Path, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PATIENCE", 0.5)

    assert refused(tmp_path, FVM_POSTGRES_URL=f"postgresql://boss:secret@{silent}/postgres") == (
        f"PostgreSQL does not answer at {silent}; start it, or correct FVM_POSTGRES_URL."
    )
    monkeypatch.setattr("kit.broker._OPENING", 0.5)
    assert refused(tmp_path, FVM_KAFKA=silent) == (
        f"Kafka takes connections but does not answer at {silent}; look at it, or correct FVM_KAFKA."
    )


def test_a_kafka_with_topics_of_another_region_of_this_name_is_not_taken_over(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    name = f"r{uuid.uuid4().hex[:8]}"
    asyncio.run(topics.apply(kafka_bootstrap, name, topics.load()[:1]))
    try:
        sentence = refused(tmp_path, FVM_KAFKA=kafka_bootstrap, FVM_REGION=name)
    finally:
        asyncio.run(topics.drop(kafka_bootstrap, name, topics.load()[:1]))

    assert sentence.startswith(
        f"Kafka at {kafka_bootstrap} already has topics of another region that is called {name}; "
    )
    assert "FVM_REGION=north" in sentence


def test_what_a_failed_first_start_made_in_stores_of_ones_own_is_removed_by_reset(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, kafka = f"r{uuid.uuid4().hex[:8]}", "127.0.0.1:1"
    sentence = refused(tmp_path, FVM_POSTGRES_URL=postgres_url, FVM_KAFKA=kafka, FVM_REGION=name)
    assert sentence == f"Kafka does not answer at {kafka}; look at it, or correct FVM_KAFKA."
    assert memory.load(Places(tmp_path).memory).stores == {"FVM_POSTGRES_URL": databases.place(postgres_url)}

    for variable, value in (
        ("DATA", str(tmp_path)),
        ("POSTGRES_URL", postgres_url),
        ("KAFKA", kafka),
        ("REGION", name),
    ):
        monkeypatch.setenv(f"FVM_{variable}", value)
    assert main(["reset", "--yes"]) == 0

    made = ", ".join(service.database(name) for service in SERVICES)
    assert f"databases and roles removed: {made}" in capsys.readouterr().out
    assert not Places(tmp_path).memory.exists()


def test_settings_of_the_gateway_are_looked_at_before_the_stores_start(tmp_path: Path) -> None:
    assert refused(tmp_path, FVM_PUBLIC_URL="localhost:8080") == (
        "FVM_PUBLIC_URL is wrong: must be scheme://host[:port] with nothing after it."
    )


def test_a_wrong_limit_of_the_gateway_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_RATE_LIMIT", "many")

    assert refused(tmp_path).startswith("FVM_RATE_LIMIT is wrong: ")


def test_data_of_another_postgresql_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fvm.nobody.closed", lambda path: None)  # pytest's folders are closed to PostgreSQL's user
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("14\n")

    with pytest.raises(Trouble, match=r"was made by PostgreSQL 14, and this is \d+; .*`fvm backup`"):
        postgres.Server(folder, 5432, Memory().password("postgres")).prepare()

    assert [one.name for one in folder.iterdir()] == ["PG_VERSION"]


def test_data_whose_password_was_lost_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    remembered = Memory(ports={"postgres": 5432})

    with pytest.raises(Trouble, match=r"region.json has lost the password of the region's PostgreSQL; put back a copy"):
        postgres.of(Places(tmp_path), remembered)

    assert remembered.passwords == {}
