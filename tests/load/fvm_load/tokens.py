"""Access tokens for measuring: the system `bench`, and demo staff of two care providers ("law and log on", D19)."""

import base64
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fvm import health


@dataclass(frozen=True, slots=True)
class Staff:
    """A demo staff member's token under one commission; `provider` is whose facts they see."""

    who: str
    provider: str
    token: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """`bench` sees everything. `why`: why there are no staff tokens."""

    bench: str
    staff: tuple[Staff, ...] = ()
    why: str = ""

    @property
    def providers(self) -> list[str]:
        return sorted({one.provider for one in self.staff})

    def of(self, provider: str) -> list[Staff]:
        return [one for one in self.staff if one.provider == provider]


@dataclass(slots=True)
class Desk:
    """Where demo tokens are given out (the application platform's own port)."""

    url: str
    refusals: list[str] = field(default_factory=list)

    def token(self, who: str, commission: str | None = None) -> str:
        """ "" where it is refused; the reason is kept."""
        wanted = {"who": who, "hours": 2} | ({"commission": commission} if commission else {})
        status, body = health.post(f"{self.url}/internal/demo-token", wanted)
        if status != 200:
            self.refusals.append(f"{who}: {health.complaint(body) or status}")
            return ""
        return str(body["access_token"])

    def staff(self) -> list[Staff]:
        status, body = health.ask(f"{self.url}/internal/demo-people")
        if status != 200:
            self.refusals.append(f"demo people: {health.complaint(body) or status}")
            return []
        held = [
            (person["id"], commission)
            for person in body["people"]
            for commission in person["commissions"]
            if person["kind"] == "staff" and commission["active"]
        ]
        made = [Staff(who, one["provider_name"], self.token(who, one["id"])) for who, one in held]
        return [one for one in made if one.token]


def collect(application: str, given: str) -> Tokens:
    """All tokens that can be had; `given` stands for bench's."""
    if not application:
        return Tokens(given, why="no application platform to ask for staff tokens (--application)")
    desk = Desk(application)
    bench = given or desk.token("bench")
    staff = tuple(desk.staff())
    if len({one.provider for one in staff}) < 2:
        return Tokens(bench, why="; ".join(desk.refusals) or "demo staff of two care providers are needed")
    return Tokens(bench, staff)


def claims(token: str) -> dict[str, Any]:
    """What a token says; it was given to us, so nobody needs to verify it."""
    body = token.split(".")[1]
    found: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found
