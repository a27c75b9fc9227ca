"""The region as an operator sees it: parts, arrows between them, and sentences about what is not as it should be; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from application_platform.operations import words

State = Literal["well", "ill", "unknown"]
LATE = 30.0  # seconds that a message may be on its way before it is said
_MANY = 500  # messages a reader may be behind before it is said

PARTS = {
    "exchange": "Exchange",
    "vis": "VIS",
    "information": "Regionens journal",
    "application": "Portaler och inloggning",
}
DOORS = {"door mllp": "HL7 v2 (MLLP)", "door events": "Händelser (HTTP)", "door inbox": "Händelser (Kafka)"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the region; `word` says how it is."""

    name: str
    title: str
    state: State
    word: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """Messages on their way; `per_minute` and `behind` are None where that is not known."""

    origin: str
    to: str
    title: str
    per_minute: int | None
    behind: int | None = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be, and what to do. `unknown`: we cannot tell."""

    sentence: str
    todo: str
    look: Literal["amber", "unknown"] = "amber"


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the live part of the page shows."""

    parts: tuple[Part, ...]
    stores: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    doors: tuple[Arrow, ...]
    troubles: tuple[Trouble, ...]
    parked: int

    def between(self, origin: str, to: str) -> list[Arrow]:
        """All arrows from one part to another."""
        return [one for one in self.arrows if (one.origin, one.to) == (origin, to)]

    def part(self, name: str) -> Part:
        return next(one for one in self.parts if one.name == name)

    @property
    def summary(self) -> str:
        """One line for who only listens."""
        if not self.troubles and not self.parked:
            return "Allt är som det ska."
        if not self.troubles:
            return f"Inget är sent. {words.many(self.parked, 'meddelande väntar', 'meddelanden väntar')} på dig."
        return f"{words.many(len(self.troubles), 'sak', 'saker')} att titta på. {self.troubles[0].sentence}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one service answered: its checks by name (None: no answer), and its lag (None: no answer)."""

    checks: Mapping[str, bool] | None = None
    lag: Mapping[str, Any] | None = None


def picture(seen: Mapping[str, Seen]) -> Picture:
    """The picture of the answers of the four services."""
    parts = tuple(_part(name, title, seen[name]) for name, title in PARTS.items())
    stores = (_kafka(seen), _database(seen))
    lags = {name: one.lag for name, one in seen.items() if one.lag is not None}
    arrows = tuple(_arrow(**one, lags=lags) for one in words.goes()["arrows"])
    steps = {step["name"]: step for lag in lags.values() for step in lag["steps"]}
    doors = tuple(Arrow("systems", "exchange", title, _rate(steps.get(name))) for name, title in DOORS.items())
    troubles = (*_ill(parts, stores), *(trouble for lag in lags.values() for trouble in _late(lag)), *_epochs(lags))
    return Picture(parts, stores, arrows, doors, troubles, parked(lags.values()))


def parked(lags: Iterable[Mapping[str, Any]]) -> int:
    """How many messages wait for a human."""
    return sum(
        sum(one["messages"] for one in lag["parked"]) + sum(step["parked"] for step in lag["steps"]) for lag in lags
    )


def _part(name: str, title: str, seen: Seen) -> Part:
    if seen.checks is None:
        return Part(name, title, "unknown", "Svarar inte")
    # What else is away is said of itself; the application platform's checks are about all the others.
    own = [check for check, good in seen.checks.items() if not good and check not in ("kafka", "database", *PARTS)]
    if own:
        return Part(name, title, "ill", f"Står still: {', '.join(own)}")
    return Part(name, title, "well", "Svarar")


def _kafka(seen: Mapping[str, Seen]) -> Part:
    told = [one.checks["kafka"] for one in seen.values() if one.checks is not None and "kafka" in one.checks]
    return _store("kafka", "Kafka", told)


def _database(seen: Mapping[str, Seen]) -> Part:
    told = [one.checks["database"] for one in seen.values() if one.checks is not None and "database" in one.checks]
    return _store("postgres", "PostgreSQL", told)


def _store(name: str, title: str, told: list[bool]) -> Part:
    if not told:
        return Part(name, title, "unknown", "Ingen kan svara på det")
    if not all(told):
        who = "alla" if not any(told) else f"{told.count(False)} av {len(told)} delar"
        return Part(name, title, "ill", f"Nås inte av {who}")
    return Part(name, title, "well", "Svarar")


def _arrow(origin: str, to: str, topic: str, reader: str, lags: Mapping[str, Mapping[str, Any]]) -> Arrow:
    title = words.topic(topic)
    for lag in lags.values():
        for one in lag["arrows"]:
            if (one["topic"], one["reader"]) == (topic, reader):
                rate = one["told_per_minute"]
                return Arrow(origin, to, title, None if rate is None else round(rate), one["behind"])
    return Arrow(origin, to, title, None, None)


def _rate(step: Mapping[str, Any] | None) -> int | None:
    return None if step is None or step["per_minute"] is None else round(step["per_minute"])


def _ill(parts: tuple[Part, ...], stores: tuple[Part, ...]) -> Iterator[Trouble]:
    for part in parts:
        if part.state == "unknown":
            yield Trouble(
                f"{part.title} svarar inte.",
                "Det som är på väg dit väntar och går inte förlorat. Kör fvm doctor på servern.",
                "unknown",
            )
        elif part.state == "ill":
            yield Trouble(f"{part.title}: {part.word[0].lower()}{part.word[1:]}.", "Kör fvm doctor på servern.")
    kafka, postgres = stores
    if kafka.state == "ill":
        yield Trouble(
            f"Kafka {kafka.word[0].lower()}{kafka.word[1:]}.",
            "Vården fortsätter i VIS. Det som berättas väntar i utkorgarna.",
        )
    if postgres.state == "ill":
        yield Trouble(
            f"PostgreSQL {postgres.word[0].lower()}{postgres.word[1:]}.", "Inget kan sparas där förrän den svarar."
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
