"""The region as an operator sees it: parts, arrows between them, and what is not as it should be; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from application_platform.operations import troubles, words
from application_platform.operations.troubles import DOORS, PARTS, Part, Trouble


@dataclass(frozen=True, slots=True)
class Arrow:
    """Messages on their way; `per_minute` and `behind` are None where that is not known."""

    origin: str
    to: str
    title: str
    per_minute: int | None
    behind: int | None = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the live part of the page shows."""

    parts: tuple[Part, ...]
    stores: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    doors: tuple[Arrow, ...]
    troubles: tuple[Trouble, ...]
    parked: int
    warned: int = 0  # messages taken with a warning, the last 24 hours

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
    found = tuple(troubles.found(parts, stores, lags))
    warned = sum(step.get("warned", 0) for step in steps.values())
    return Picture(parts, stores, arrows, doors, found, parked(lags.values()), warned)


def parked(lags: Iterable[Mapping[str, Any]]) -> int:
    """How many messages wait for a human."""
    return sum(
        sum(one["messages"] for one in lag["parked"]) + sum(step["parked"] for step in lag["steps"]) for lag in lags
    )


def _part(name: str, title: str, seen: Seen) -> Part:
    if seen.checks is None:
        return Part(name, title, "unknown", "Svarar inte")
    # What else is away is said of itself; the application platform's checks are about all the others. Without its stores
    # a part's loops cannot run: that is no fault of their own.
    stores = all(seen.checks.get(store, True) for store in ("kafka", "database"))
    own = [check for check, good in seen.checks.items() if not good and check.startswith("loop ")]
    if own and stores:
        return Part(name, title, "ill", f"Står still: {', '.join(words.loop(check) for check in own)}")
    return Part(name, title, "well", "Svarar")


def _kafka(seen: Mapping[str, Seen]) -> Part:
    told = [one.checks["kafka"] for one in seen.values() if one.checks is not None and "kafka" in one.checks]
    return _store("kafka", "Kafka", told)


def _database(seen: Mapping[str, Seen]) -> Part:
    told = [one.checks["database"] for one in seen.values() if one.checks is not None and "database" in one.checks]
    if all(told) and any(one.lag is not None and one.lag.get("full") for one in seen.values()):
        return Part("postgres", "PostgreSQL", "ill", "Disken är full")
    return _store("postgres", "PostgreSQL", told)


def _store(name: str, title: str, told: list[bool]) -> Part:
    if not told:
        return Part(name, title, "unknown", "Ingen kan svara på det")
    if not all(told):
        who = "någon del" if not any(told) else f"{told.count(False)} av {len(told)} delar"
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
