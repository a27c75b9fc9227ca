"""The AsyncAPI document of each service says what the service does (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "contracts" / "events"
DOCUMENTS = sorted(EVENTS.glob("*.asyncapi.yaml"))


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def follow(document: Mapping[str, Any], reference: Mapping[str, str]) -> Any:
    """What a local reference points at."""
    found: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name.partition(".")[0])
def document(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param.name.partition(".")[0], read(request.param)


def test_every_service_has_its_document(house: Mapping[str, Any]) -> None:
    assert {path.name.partition(".")[0] for path in DOCUMENTS} == set(house)


def test_a_document_has_the_members_of_version_3(document: tuple[str, dict[str, Any]]) -> None:
    _, found = document

    assert found["asyncapi"] == "3.0.0"
    assert {"title", "version", "description"} <= set(found["info"])
    assert set(found) <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    for channel in found["channels"].values():
        assert set(channel) == {"address", "title", "messages"}
    for operation in found["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["summary"].endswith(".")


def test_every_reference_leads_somewhere(document: tuple[str, dict[str, Any]]) -> None:
    _, found = document

    spoken = [follow(found, operation["channel"]) for operation in found["operations"].values()]
    messages = [follow(found, one) for channel in spoken for one in channel["messages"].values()]
    assert {id(channel) for channel in spoken} == {id(channel) for channel in found["channels"].values()}
    assert {id(one) for one in messages} == {id(one) for one in found["components"]["messages"].values()}
    for message in messages:
        assert (EVENTS / message["headers"]["$ref"]).is_file()
        assert (EVENTS / message["payload"]["$ref"]).name == f"{message['name']}.schema.json"
        assert (EVENTS / message["payload"]["$ref"]).is_file()
        assert message["bindings"]["kafka"]["key"]["type"] == "string"


def test_a_message_travels_on_the_topic_of_its_name(document: tuple[str, dict[str, Any]]) -> None:
    _, found = document

    for channel in found["channels"].values():
        names = [follow(found, one)["name"] for one in channel["messages"].values()]
        assert names == [channel["address"]]


@pytest.mark.parametrize(("action", "does"), [("send", "tells"), ("receive", "hears")])
def test_a_document_says_what_the_service_does(
    document: tuple[str, dict[str, Any]], house: Mapping[str, Any], action: str, does: str
) -> None:
    service, found = document

    operations = [one for one in found["operations"].values() if one["action"] == action]
    assert {follow(found, one["channel"])["address"] for one in operations} == getattr(house[service], does)


def test_every_topic_of_a_document_is_a_topic_of_the_region() -> None:
    topics = {topic["name"] for topic in yaml.safe_load((ROOT / "deploy/kafka/topics.yaml").read_text())}

    spoken = {channel["address"] for path in DOCUMENTS for channel in read(path)["channels"].values()}
    assert spoken <= topics


def test_every_event_type_that_is_spoken_has_its_schema(house: Mapping[str, Any]) -> None:
    spoken = {topic for one in house.values() for topic in (*one.tells, *one.hears)}

    assert {path.name.removesuffix(".schema.json") for path in EVENTS.glob("*.v[0-9]*.schema.json")} == spoken
