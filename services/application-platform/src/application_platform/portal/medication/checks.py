"""What VIS says of drafts before they are signed, how the page is answered, and what is sent back (vis.care.checking; pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]
WORDS = {"duplicate": "dubblering", "allergy": "överkänslighet", "interaction": "interaktioner"}
REASONS = {
    "benefit": "Nyttan överväger risken",
    "tolerated": "Har tålts tidigare",
    "replaces": "Ersätter det andra läkemedlet",
    "intended": "Avsiktlig kombination",
    "other": "Annat skäl, skriv vilket",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one draft: `state` is clear, hit or unchecked."""

    draft: str
    code: str
    state: str
    text: str
    about: str = ""
    severe: bool = False

    @property
    def field(self) -> str:
        """The name of its answer in the form."""
        return f"{self.draft}|{self.code}|{self.about}"

    @property
    def word(self) -> str:
        return WORDS.get(self.code, self.code)


@dataclass(frozen=True, slots=True)
class Told:
    """What one draft lacks, as what to do, and its checks."""

    lacks: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def of(self, state: str) -> list[Check]:
        return [one for one in self.checks if one.state == state]


@dataclass(frozen=True, slots=True)
class Answered:
    """How a hit is answered in the form."""

    reason: str = ""
    comment: str = ""


def told(parameters: Resource) -> dict[str, Told]:
    """Of each draft, by its id, from the Parameters of `$check`."""
    found: dict[str, Told] = {}
    for one in parameters.get("parameter", ()):
        parts = one.get("part", ())
        id = next((str(part.get("valueString")) for part in parts if part.get("name") == "id"), "")
        lacks = [_values(part)["text"] for part in parts if part.get("name") == "lacks"]
        checks = [_check(id, _values(part)) for part in parts if part.get("name") == "check"]
        found[id] = Told(tuple(dict.fromkeys(lacks)), tuple(checks))
    return found


def answers(form: Mapping[str, str]) -> dict[str, Answered]:
    """How the hits are answered, by `Check.field`."""
    found = {}
    for name, value in form.items():
        kind, _, field = name.partition(":")
        if kind == "reason":
            found[field] = Answered(value[:20], " ".join(form.get(f"comment:{field}", "").split())[:1_000])
    return found


def parameters(
    drafts: Sequence[Resource], answered: Mapping[str, Answered] | None = None, by_hand: Iterable[str] = ()
) -> dict[str, Any]:
    """The body of `$check` and `$prescribe`. `by_hand`: the fields of what was shown as not checked, and is checked now."""
    listed: list[dict[str, Any]] = [{"name": "draft", "resource": one} for one in drafts]
    ids = {str(one["id"]) for one in drafts}
    said = [(field, one.reason, one.comment) for field, one in (answered or {}).items() if one.reason]
    said += [(field, "checked", "") for field in by_hand]
    for field, reason, comment in said:
        draft, _, rest = field.partition("|")
        code, _, about = rest.partition("|")
        if draft in ids and code:
            listed.append({"name": "answer", "part": _part(draft, code, about, reason, comment)})
    return {"resourceType": "Parameters", "parameter": listed}


def left(listed: Iterable[Told], answered: Mapping[str, Answered]) -> list[str]:
    """What is left to do before signing, in words: Kvar: skäl på 1 rad."""
    every = list(listed)
    lacking = sum(bool(one.lacks) for one in every)
    hits = sum(not answered.get(check.field, Answered()).reason for one in every for check in one.of("hit"))
    found = []
    if lacking:
        found.append(f"uppgifter på {lacking} {'rad' if lacking == 1 else 'rader'}")
    if hits:
        found.append(f"skäl på {hits} {'träff' if hits == 1 else 'träffar'}")
    if any(one.of("unchecked") for one in every):
        found.append("ställning till det som ej är kontrollerat")
    return found


def _values(part: Resource) -> dict[str, Any]:
    """Values of the parts, by name."""
    return {
        str(one.get("name")): next((value for name, value in one.items() if name.startswith("value")), "")
        for one in part.get("part", ())
    }


def _check(draft: str, said: Mapping[str, Any]) -> Check:
    return Check(
        draft,
        str(said["code"]),
        str(said["state"]),
        str(said["text"]),
        str(said.get("about", "")),
        said.get("severe") is True,
    )


def _part(draft: str, code: str, about: str, reason: str, comment: str) -> list[dict[str, Any]]:
    part: list[dict[str, Any]] = [{"name": "draft", "valueString": draft}, {"name": "check", "valueCode": code}]
    if about:
        part.append({"name": "about", "valueString": about})
    part.append({"name": "reason", "valueCode": reason})
    return [*part, {"name": "comment", "valueString": comment}] if comment else part
