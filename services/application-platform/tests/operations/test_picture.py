"""What an operator is told of the region: normal is silent, and what is not is a sentence with a next step."""

from typing import Any, get_args

from application_platform.operations import troubles, words
from application_platform.operations.content import readable
from application_platform.operations.model import Seen, picture
from kit import strangers
from kit.broker import Silence


def lag(service: str, **more: Any) -> dict[str, Any]:
    """A service where nothing is behind."""
    empty: dict[str, Any] = {
        "service": service, "epoch": 1, "kafka": True,
        "outbox": [], "arrows": [], "readings": [], "waiting": [], "parked": [], "steps": [],
    }  # fmt: skip
    return {**empty, **more}


def seen(**changed: Seen) -> dict[str, Seen]:
    """Four services that are well, but for those that are given."""
    well = {name: Seen({"database": True, "kafka": True}, lag(name)) for name in ("vis", "information", "exchange")}
    neighbours = {"database": True, "kafka": True, "vis": True, "information": True, "exchange": True}
    return {**well, "application": Seen(neighbours, lag("application")), **changed}


def test_a_region_without_trouble_says_nothing_but_that() -> None:
    found = picture(seen())

    assert found.troubles == ()
    assert {part.state for part in (*found.parts, *found.stores)} == {"well"}
    assert found.summary == "Allt är som det ska."


def test_a_silent_part_is_unknown_not_ill_and_its_neighbour_is_not_blamed() -> None:
    checks = {"database": True, "kafka": True, "vis": False, "information": True, "exchange": True}
    found = picture(seen(vis=Seen(), application=Seen(checks, lag("application"))))

    assert found.part("vis").state == "unknown"
    assert found.part("application").state == "well"
    assert [trouble.look for trouble in found.troubles] == ["unknown"]
    assert found.troubles[0].sentence == "VIS svarar inte."


def test_an_arrow_whose_reader_is_silent_is_unknown_never_zero() -> None:
    arrow = {"reader": "information", "topic": "vis.record.v1", "told_per_minute": 12.4, "behind": 3}
    known = picture(seen(information=Seen({"database": True}, lag("information", arrows=[arrow]))))
    silent = picture(seen(information=Seen()))

    assert [(one.per_minute, one.behind) for one in known.between("vis", "information")] == [(12, 3)]
    assert [one.per_minute for one in silent.between("vis", "information")] == [None]


def test_kafka_away_is_said_once_with_what_it_means_for_care() -> None:
    away = {"database": True, "kafka": False}
    found = picture({name: Seen(away, lag(name, kafka=False)) for name in seen()})

    assert [trouble.sentence for trouble in found.troubles] == ["Kafka nås inte av någon del."]
    assert "Vården fortsätter i VIS" in found.troubles[0].todo


def test_messages_taken_with_a_warning_are_counted_over_all_doors() -> None:
    doors = [
        {"name": f"door {name}", "per_minute": 1.0, "oldest_seconds": None, "parked": 0, "warned": many}
        for name, many in (("mllp", 2), ("inbox", 3))
    ]
    found = picture(seen(exchange=Seen({"database": True, "kafka": True}, lag("exchange", steps=doors))))

    assert found.warned == 5
    assert found.troubles == ()  # the sender was told; nothing of ours is wrong


def test_what_waits_says_why_in_words_and_when_the_next_try_is() -> None:
    waits = {
        "reader": "information", "topic": "exchange.record.v1", "messages": 3, "keys": 1, "oldest_seconds": 90,
        "attempts": 4, "next_seconds": 16, "errors": ["kit.problems.Unavailable(kit/unavailable)"],
    }  # fmt: skip
    found = picture(seen(information=Seen({"database": True}, lag("information", waiting=[waits]))))

    [trouble] = found.troubles
    assert trouble.sentence.replace("\xa0", " ") == (
        "Regionens journal: 3 meddelanden om 1 patient väntar (översatta meddelanden): en del som behövs svarar inte."
    )
    assert "16 sekunder" in trouble.todo.replace("\xa0", " ")


def test_old_outboxes_lost_positions_and_other_epochs_are_said() -> None:
    outbox = [{"topic": "vis.record.v1", "messages": 4820, "oldest_seconds": 300}]
    lost = [{"topic": "vis.record.v1", "lost": True}, {"topic": "vis.record.v1", "lost": True}]
    found = picture(
        seen(
            vis=Seen({"database": True}, lag("vis", outbox=outbox, epoch=2)),
            information=Seen({"database": True}, lag("information", readings=lost)),
        )
    )

    sentences = [trouble.sentence.replace("\xa0", " ") for trouble in found.troubles]
    assert "VIS har 4 820 meddelanden som inte nått Kafka" in sentences[0]
    assert sentences[1].startswith("Regionens journal står still")
    assert "olika säkerhetskopior" in sentences[2]


def test_parked_messages_of_inboxes_and_of_exchange_are_counted_together() -> None:
    step = {"name": "translator", "waiting": 0, "oldest_seconds": None, "per_minute": 2.0, "parked": 2}
    parked = [{"messages": 1}]
    found = picture(
        seen(
            exchange=Seen({"database": True}, lag("exchange", steps=[step])),
            information=Seen({"database": True}, lag("information", parked=parked)),
        )
    )

    assert found.parked == 3
    assert found.summary.replace("\xa0", " ") == "Inget är sent. 3 meddelanden väntar på dig."


def test_every_topic_of_the_region_has_words() -> None:
    assert words.topic("exchange.inbox.v1") == "händelser från andra system"
    assert words.error("builtins.TypeError") == "ett fel i programmet (TypeError)"
    assert [words.span(n).replace("\xa0", " ") for n in (1, 100, 600, 8000, 400_000)] == [
        "1 sekund", "100 sekunder", "10 minuter", "2 timmar", "5 dagar",
    ]  # fmt: skip


def test_content_that_cannot_be_opened_says_so() -> None:
    assert readable("TVNIfA1QSUR8") == "MSH|\nPID|"
    assert readable("AWFi") == "(3 byte som inte går att öppna)"
    assert readable("eyJhIjoxfQ==") == '{\n "a": 1\n}'


def test_a_full_disk_an_expired_certificate_and_a_wrong_clock_are_said_with_what_to_do() -> None:
    away = {"database": True, "kafka": False}
    door = {"name": "door mllp", "waiting": 0, "oldest_seconds": None, "per_minute": 3.0, "parked": 0,
            "turned_away": {"expired": 3}}  # fmt: skip
    found = picture(
        seen(
            vis=Seen(away, lag("vis", kafka=False, kafka_why="expired", full=True)),
            exchange=Seen({"database": True, "kafka": True}, lag("exchange", steps=[door])),
            information=Seen({"database": True, "kafka": True}, lag("information", clock_seconds=-1200.0)),
        )
    )

    assert [trouble.sentence.replace("\xa0", " ") for trouble in found.troubles] == [
        "Kafkas certifikat har gått ut.",
        "PostgreSQL: disken är full.",
        "HL7 v2 (MLLP): 3 anslutningar nekades den senaste minuten, avsändarens certifikat har gått ut.",
        "Regionens journal: klockan går 20 minuter efter databasens.",
    ]
    assert [store.word for store in found.stores] == ["Nås inte av 1 av 4 delar", "Disken är full"]
    assert found.troubles[2].todo == "Be avsändaren förnya det. Avsändaren har kvar det som inte kom fram."


def test_every_reason_that_parts_may_give_has_words() -> None:
    assert set(troubles._KAFKA) == set(get_args(Silence)) - {"away"}
    assert set(troubles._AWAY) == set(strangers.REASONS)
