"""Topics: the file says what architecture.md §2 and §5 promise."""

from itertools import pairwise
from pathlib import Path

import pytest

from fvm import topics
from fvm.trouble import Trouble

TOLD = {
    "vis.record.v1",
    "vis.changed.v1",
    "vis.access-taken.v1",
    "vis.erasure-done.v1",
    "information.record-changed.v1",
    "information.access-changed.v1",
    "information.person-changed.v1",
    "information.erasure-ordered.v1",
    "exchange.record.v1",
    "exchange.erasure-done.v1",
    "exchange.delivery.v1",
    "exchange.inbox.v1",
    "application.record.v1",
    "application.erasure-done.v1",
    "application.session-revoked.v1",
    "audit.access.v1",
}


def test_every_topic_of_the_region_is_in_the_file_once() -> None:
    names = [topic.name for topic in topics.load()]

    assert sorted(names) == sorted(TOLD)


def test_record_topics_keep_fourteen_days_in_six_partitions() -> None:
    records = [topic for topic in topics.load() if topic.name.endswith(".record.v1")]

    assert {topic.partitions for topic in records} == {6}
    assert {topic.settings()["retention.ms"] for topic in records} == {"1209600000"}


def test_the_access_facts_are_compacted_so_that_the_newest_of_each_key_stays() -> None:
    [facts] = [topic for topic in topics.load() if topic.name == "information.access-changed.v1"]

    assert facts.settings()["cleanup.policy"] == "compact"
    assert "retention.ms" not in facts.settings()


def test_a_regions_name_stands_before_its_topics() -> None:
    assert topics.full_name("vis.record.v1", "north") == "north.vis.record.v1"
    assert topics.full_name("vis.record.v1", "") == "vis.record.v1"


def test_rights_are_given_to_the_regions_own_users_for_its_own_topics() -> None:
    for options in topics.rights(topics.load(), "north", "north-"):
        for option, value in pairwise(options):
            if option in ("--allow-principal", "--topic", "--group"):
                assert value.startswith("User:north-" if option == "--allow-principal" else "north."), options


def test_a_wrong_entry_is_named(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text("- {name: a.v1, owner: vis, about: x, partitions: 0, keep: 14, cleanup: delete}\n")

    with pytest.raises(Trouble, match=r"a\.v1"):
        topics.load(file)
