"""What is not as it should be in the region, each as a sentence with what to do; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from application_platform.operations import words

State = Literal["well", "ill", "unknown"]
LATE = 30.0  # seconds that a message may be on its way before it is said
_MANY = 500  # messages a reader may be behind before it is said
_CLOCK = 5.0  # seconds that two clocks may differ: what tokens are allowed

PARTS = {
    "exchange": "Exchange",
    "vis": "VIS",
    "information": "Regionens journal",
    "application": "Portaler och inloggning",
}
DOORS = {"door mllp": "HL7 v2 (MLLP)", "door events": "Händelser (HTTP)", "door inbox": "Händelser (Kafka)"}


# Why Kafka does not answer (kit.broker.Silence); where nobody listens there is nothing more to say.
_KAFKA = {
    "silent": "Kafka tar emot anslutningar men svarar inte.",
    "expired": "Kafkas certifikat har gått ut.",
    "untrusted": "Kafkas certifikat är inte utfärdat av någon vi litar på.",
    "own-expired": "Vårt eget certifikat hos Kafka har gått ut.",
    "refused": "Kafka godtar inte vårt certifikat.",
}
# Why a connection was turned away (kit.strangers.reason), and what to do.
_AWAY = {
    "expired": ("avsändarens certifikat har gått ut", "Be avsändaren förnya det."),
    "not yet valid": ("avsändarens certifikat gäller inte än", "Jämför klockorna hos avsändaren och här."),
    "untrusted": ("avsändarens certifikat är inte utfärdat av någon vi litar på", "Kontrollera vem som ringer."),
    "none shown": ("inget certifikat visades", "Kontrollera vem som ringer."),
    "handshake": ("TLS gick inte att komma överens om", "Jämför TLS-inställningarna med avsändarens."),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the region; `word` says how it is."""

    name: str
    title: str
    state: State
    word: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be, and what to do. `unknown`: we cannot tell."""

    sentence: str
    todo: str
    look: Literal["amber", "unknown"] = "amber"


def found(
    parts: tuple[Part, ...], stores: tuple[Part, ...], lags: Mapping[str, Mapping[str, Any]]
) -> Iterator[Trouble]:
    """Everything, what stops most first."""
    yield from _ill(parts)
    yield from _stores(stores, lags)
    for lag in lags.values():
        yield from _late(lag)
    yield from _turned_away(lags)
    yield from _clocks(lags)
    yield from _epochs(lags)


def _ill(parts: tuple[Part, ...]) -> Iterator[Trouble]:
    for part in parts:
        if part.state == "unknown":
            yield Trouble(
                f"{part.title} svarar inte.",
                "Det som är på väg dit väntar och går inte förlorat. Kör fvm doctor på servern.",
                "unknown",
            )
        elif part.state == "ill":
            yield Trouble(f"{part.title}: {_small(part.word)}.", "Kör fvm doctor på servern.")


def _stores(stores: tuple[Part, ...], lags: Mapping[str, Mapping[str, Any]]) -> Iterator[Trouble]:
    kafka, postgres = stores
    if kafka.state == "ill":
        whys = {str(lag.get("kafka_why", "")) for lag in lags.values()}
        why = next((_KAFKA[one] for one in sorted(whys) if one in _KAFKA), f"Kafka {_small(kafka.word)}.")
        care = "Vården fortsätter i VIS. " if postgres.state == "well" else ""
        yield Trouble(why, f"{care}Det som berättas väntar i utkorgarna. Kör fvm doctor på servern.")
    if postgres.word == "Disken är full":
        yield Trouble(
            "PostgreSQL: disken är full.",
            "Inget nytt kan sparas förrän det finns plats där databasen ligger. Det som redan är sparat är helt.",
        )
    elif postgres.state == "ill":
        yield Trouble(f"PostgreSQL {_small(postgres.word)}.", "Inget kan sparas där förrän den svarar.")


def _small(word: str) -> str:
    return word[0].lower() + word[1:]


def _turned_away(lags: Mapping[str, Mapping[str, Any]]) -> Iterator[Trouble]:
    for lag in lags.values():
        for step in lag["steps"]:
            for why, count in step.get("turned_away", {}).items():
                connections = words.many(count, "anslutning", "anslutningar")
                yield Trouble(
                    f"{DOORS.get(step['name'], step['name'])}: {connections} nekades den senaste minuten, {_AWAY[why][0]}.",
                    f"{_AWAY[why][1]} Avsändaren har kvar det som inte kom fram.",
                )


def _clocks(lags: Mapping[str, Mapping[str, Any]]) -> Iterator[Trouble]:
    for name, lag in lags.items():
        ahead = lag.get("clock_seconds", 0.0)
        if abs(ahead) > _CLOCK:
            way = "före" if ahead > 0 else "efter"
            yield Trouble(
                f"{PARTS.get(name, name)}: klockan går {words.span(abs(ahead))} {way} databasens.",
                "Ställ klockorna efter samma tidsserver. Inget går förlorat, men tider och inloggningar blir fel.",
            )


def _late(lag: Mapping[str, Any]) -> Iterator[Trouble]:
    name = PARTS.get(lag["service"], lag["service"])
    for told in lag["outbox"]:
        if told["oldest_seconds"] > LATE:
            count, since = words.many(told["messages"], "meddelande", "meddelanden"), words.span(told["oldest_seconds"])
            yield Trouble(
                f"{name} har {count} som inte nått Kafka ({words.topic(told['topic'])}), det äldsta sedan {since}.",
                "De skickas av sig själva när Kafka svarar.",
            )
    for arrow in lag["arrows"]:
        if (arrow["behind"] or 0) > _MANY:
            count = words.many(arrow["behind"], "meddelande", "meddelanden")
            yield Trouble(f"{name} är {count} efter ({words.topic(arrow['topic'])}).", "Minskar det inte, kör fvm lag.")
    yield from _lost(name, lag)
    yield from _waits(name, lag)
    for step in lag["steps"]:
        if (step["oldest_seconds"] or 0) > LATE:
            count, since = words.many(step["waiting"], "meddelande", "meddelanden"), words.span(step["oldest_seconds"])
            yield Trouble(f"Översättaren har {count} kvar, det äldsta sedan {since}.", "Minskar det inte, kör fvm lag.")


def _lost(name: str, lag: Mapping[str, Any]) -> Iterator[Trouble]:
    for topic in sorted({one["topic"] for one in lag["readings"] if one["lost"]}):
        yield Trouble(
            f"{name} står still: Kafka har inte längre det som står på tur ({words.topic(topic)}).",
            "Läs om position-lost i handboken. Kör sedan fvm reconcile.",
        )


def _waits(name: str, lag: Mapping[str, Any]) -> Iterator[Trouble]:
    for one in lag["waiting"]:
        why = " och ".join(dict.fromkeys(words.error(error) for error in one["errors"])) or "spelas om just nu"
        count = words.many(one["messages"], "meddelande", "meddelanden")
        keys = words.many(one["keys"], "patient", "patienter")
        yield Trouble(
            f"{name}: {count} om {keys} väntar ({words.topic(one['topic'])}): {why}.",
            f"Nytt försök om {words.span(one['next_seconds'])}. Ordningen per patient hålls, alla andra går vidare.",
        )


def _epochs(lags: Mapping[str, Mapping[str, Any]]) -> Iterator[Trouble]:
    if len({lag["epoch"] for lag in lags.values()}) > 1:
        yield Trouble(
            "Delarna är återställda från olika säkerhetskopior.", "Kör fvm reconcile och fvm resend på servern."
        )
