"""The hub tells every page that waits, once, and says so when it cannot tell everything."""

import json
from datetime import UTC, datetime

import pytest

from application_platform.portal.handlers import RECORD_CHANGED, news, tasks
from application_platform.portal.hearing import News
from application_platform.portal.live import TASKS, Gap, Hub, Listener, Notice
from kit.events import CloudEvent
from kit.problems import Malformed


def waiting(listener: Listener) -> list[Notice | Gap | None]:
    return [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]


def told(listener: Listener) -> list[tuple[str, ...]]:
    return [notice.what for notice in waiting(listener) if isinstance(notice, Notice)]


def test_only_those_who_wait_for_the_patient_are_told() -> None:
    hub = Hub()
    with hub.listen(frozenset({"p1"})) as one, hub.listen(frozenset({"p2"})) as other:
        hub.publish(["p1"], ["Observation/1", "DiagnosticReport/2"])
        assert told(one) == [("Observation/1", "DiagnosticReport/2")]
        assert told(other) == []


def test_a_listener_that_leaves_is_forgotten() -> None:
    hub = Hub()
    with hub.listen(frozenset({"p1"})):
        assert hub.listening == 1
    assert hub.listening == 0


def test_what_came_between_page_and_stream_is_told_when_the_stream_opens() -> None:
    hub = Hub()
    hub.publish(["p1"], ["Observation/before"])
    position = hub.position
    hub.publish(["p1"], ["Observation/between"])
    with hub.listen(frozenset({"p1"}), position) as listener:
        hub.publish(["p1"], ["Observation/after"])
        assert told(listener) == [("Observation/between",), ("Observation/after",)]


@pytest.mark.parametrize("position", ["other-3", "nonsense", "-", "{epoch}-99", "{epoch}-x"])
def test_a_position_that_is_not_known_is_answered_with_a_gap(position: str) -> None:
    hub = Hub()
    epoch = hub.position.partition("-")[0]
    with hub.listen(frozenset({"p1"}), position.format(epoch=epoch)) as listener:
        assert [type(found) for found in waiting(listener)] == [Gap]


def test_notices_older_than_what_is_kept_are_a_gap() -> None:
    hub = Hub()
    position = hub.position
    for number in range(5_001):
        hub.publish(["p2"], [f"Observation/{number}"])
    with hub.listen(frozenset({"p1"}), position) as listener:
        assert [type(found) for found in waiting(listener)] == [Gap]


def test_a_slow_listener_is_told_that_it_missed_something_and_costs_no_memory() -> None:
    hub = Hub()
    with hub.listen(frozenset({"p1"})) as listener:
        for number in range(2_000):
            hub.publish(["p1"], [f"Observation/{number}"])
        found = waiting(listener)
        assert len(found) <= 500
        assert any(isinstance(notice, Gap) for notice in found)


async def test_silence_is_a_heartbeat_and_stopping_ends_the_stream() -> None:
    hub = Hub()
    with hub.listen(frozenset({"p1"})) as listener:
        stream = listener.told(0.01)
        assert await anext(stream) is None
        await hub.stop()
        assert [found async for found in stream] == []


async def test_who_comes_while_the_hub_stops_is_sent_away_at_once() -> None:
    hub = Hub()
    hub.publish(["p1"], ["Observation/1"])
    await hub.stop()
    with hub.listen(frozenset({"p1"}), "elsewhere-0") as listener:
        assert [found async for found in listener.told(30)] == []


def test_a_ticket_fits_its_session_and_patient_only() -> None:
    hub = Hub()
    ticket = hub.ticket("s1", "p1")
    fits = [
        hub.admits(ticket, "s1", "p1"),
        hub.admits(ticket, "s2", "p1"),
        hub.admits(ticket, "s1", "p2"),
        hub.admits("å", "s1", "p1"),
        Hub().admits(ticket, "s1", "p1"),
    ]
    assert fits == [True, False, False, False, False]


def an_event(data: object) -> CloudEvent:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return CloudEvent("1", "/information", RECORD_CHANGED, datetime.now(UTC), body)


def test_a_line_that_was_lost_makes_every_page_ask_also_one_that_comes_back_later() -> None:
    hub = Hub()
    hub.publish(["p1"], ["Observation/1"])
    position = hub.position
    with hub.listen(frozenset({"p1"})) as listener:
        hub.publish(["p1"], ["Observation/2"])
        hub.lost()
        assert [type(found) for found in waiting(listener)] == [Gap]
    with hub.listen(frozenset({"p1"}), position) as later:
        assert [type(found) for found in waiting(later)] == [Gap]


def test_a_changed_record_becomes_news_of_ids() -> None:
    data = {"patients": ["p1"], "resources": [{"type": "Observation", "id": "1"}], "later": True}
    assert news(an_event(data)) == News(("p1",), ("Observation/1",))


def test_pages_that_count_tasks_hear_that_one_changed_and_neither_which_nor_whose() -> None:
    told = [news(an_event({"patients": ["p1"], "resources": [{"type": one, "id": "1"}]})) for one in ("Task", "Flag")]
    assert tasks(told) == [News((TASKS,), ("Task",))]
    assert tasks(told[1:]) == []
    assert "/" in TASKS  # no id of a patient can be it


@pytest.mark.parametrize(
    "data", [b"{", {"patients": [1], "resources": []}, {"patients": ["p"], "resources": [{"id": "1"}]}]
)
async def test_an_event_that_is_not_what_its_schema_says_is_parked_and_nobody_is_told(data: object) -> None:
    with pytest.raises(Malformed):
        news(an_event(data))
