"""The demo people and their tokens, asked of the application platform on this machine."""

import difflib
from dataclasses import dataclass
from typing import Any

from fvm import health, state
from fvm import memory as remembered
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble

_UNKNOWN = "application/person-not-found"
_NEAR = 5  # people who are shown with all that one may want to know


@dataclass(frozen=True, slots=True)
class Someone:
    """One may be this person or system; `what` says in a few words who it is."""

    name: str
    who: str
    what: str


def everybody(settings: Settings) -> list[Someone]:
    """The demo people and systems; none in a production region."""
    if settings.mode != "demo":
        return []
    status, body = health.ask(f"{_door(settings)}/internal/demo-people")
    if status != 200 or not isinstance(body, dict):
        return []
    return [*map(_person, body.get("people", [])), *map(_system, body.get("systems", []))]


def patients(settings: Settings) -> list[dict[str, Any]]:
    """The demo patients as FHIR Patient resources with their fixed ids."""
    status, body = health.ask(f"{_door(settings)}/internal/demo-people")
    people = body.get("people", []) if status == 200 and isinstance(body, dict) else []
    return [one["patient"] for one in people if one.get("patient")]


def token(settings: Settings, who: str, hours: float, commission: str | None) -> str:
    """An access token; Trouble when the region does not run or refuses."""
    wanted: dict[str, Any] = {"who": who, "hours": hours}
    if commission:
        wanted["commission"] = commission
    status, body = health.post(f"{_door(settings)}/internal/demo-token", wanted)
    if status == 0:
        raise Trouble("The application platform does not answer; start the region with `make run` or `make up`.")
    if isinstance(body, dict) and str(body.get("type", "")).endswith(_UNKNOWN):
        raise Trouble(_nobody(who, everybody(settings)))
    if status != 200 or not isinstance(body, dict):
        raise Trouble(f"No token for {who}: {health.complaint(body) or f'status {status}'}")
    return str(body["access_token"])


def _nobody(who: str, everyone: list[Someone]) -> str:
    """Who there is instead, those whose names are closest first."""
    order = sorted(
        everyone, key=lambda one: -max(_likeness(who, one.who), *(_likeness(who, word) for word in one.name.split()))
    )
    near = "".join(f"\n  {one.who:<12}  {one.name} – {one.what}" for one in order[:_NEAR])
    others = ", ".join(one.who for one in order[_NEAR:])
    return f"There is no demo person or system called {who}. Closest:{near}\nand: {others}"


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def _door(settings: Settings) -> str:
    places = Places(settings.data)
    if state.runner(places) is None:
        raise Trouble(f"No region is running in {settings.data}; start it with `make run` or `make up`.")
    return f"http://127.0.0.1:{remembered.load(places.memory).ports['application']}"


def _person(one: dict[str, Any]) -> Someone:
    held = [f"{held['role']}, {held['unit_name']}" for held in one["commissions"] if held["active"]]
    what = "; ".join(held) or one["title"]
    if one["personnummer"]:
        what = f"{what}, {one['personnummer']}"
    return Someone(one["name"], one["short_name"] or one["id"], what)


def _system(one: dict[str, Any]) -> Someone:
    return Someone(one["name"], one["id"], "system")
