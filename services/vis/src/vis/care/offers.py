"""A task that is offered to somebody else stays where it is until they take it (pure; http://hl7.org/fhir/R4/task.html).

The offer is an extension of the Task, `urn:fvm:offered`: to whom (`to`), by whom (`by`), when (`at`), with what words (`said`).
"""

from datetime import datetime
from typing import Any

from fhircore.identifiers import HSA
from fhirserver.problems import Invalid
from kit.caller import Caller
from vis.care.asking import NotNow, NotYours, person

Resource = dict[str, Any]
OFFERED = "urn:fvm:offered"
_NO, _BACK = "Tackade nej", "Tog tillbaka erbjudandet"


def somebody(found: Any, name: str) -> Resource:
    """A person by HSA-id, or a unit, as an owner of a task. Raises Invalid for anything else."""
    wanted = found if isinstance(found, dict) else {}
    known, display = wanted.get("identifier", {}), str(wanted.get("display", ""))[:200]
    if known.get("system") == HSA and str(known.get("value", "")).strip():
        value = str(known["value"])[:100]
        return {
            "type": "Practitioner",
            "identifier": {"system": HSA, "value": value},
            "display": display or value,
        }
    reference = str(wanted.get("reference", ""))
    if reference.startswith("Organization/") and len(reference) > len("Organization/"):
        return {"reference": reference[:80], **({"display": display} if display else {})}
    raise Invalid(f"'{name}' is a person by HSA-id, or a unit (Organization)", at=name)


def offer_of(task: Resource) -> Resource | None:
    """To whom this task is offered; None where it is offered to nobody."""
    for one in task.get("extension", ()):
        if one.get("url") == OFFERED:
            parts = {part.get("url"): part for part in one.get("extension", ())}
            found: Resource = parts.get("to", {}).get("valueReference", {})
            return found
    return None


def same(one: Resource, other: Resource) -> bool:
    """Whether two owners are one: the same HSA-id, or the same unit."""
    value, reference = one.get("identifier", {}).get("value"), one.get("reference")
    return (bool(value) and value == other.get("identifier", {}).get("value")) or (
        bool(reference) and reference == other.get("reference")
    )


def mine(owner: Resource, caller: Caller) -> bool:
    """Whether this owner is the caller, or the unit that they work at now."""
    unit = f"Organization/{caller.commission.unit}" if caller.commission else ""
    return same(owner, person(caller)) or (bool(unit) and owner.get("reference") == unit)


def offered(task: Resource, caller: Caller, to: Resource, said: str, at: datetime) -> Resource:
    """The task, offered. Its owner stays. Raises NotYours where a colleague has it, NotNow where it is theirs already."""
    owner = task.get("owner", {})
    if owner.get("type") == "Practitioner" and not same(owner, person(caller)):
        raise NotYours(f"Uppgiften är tagen av {owner.get('display', 'någon annan')}, som lämnar över den")
    if same(owner, to):
        raise NotNow(f"Uppgiften är redan hos {to.get('display', 'den som du valde')}")
    moment = at.isoformat(timespec="seconds")
    parts = [
        {"url": "to", "valueReference": to},
        {"url": "by", "valueReference": person(caller)},
        {"url": "at", "valueDateTime": moment},
        *([{"url": "said", "valueString": said}] if said else []),
    ]
    kept = settled(task)
    more = [*kept.get("extension", ()), {"url": OFFERED, "extension": parts}]
    return kept | {"extension": more, "lastModified": moment}


def declined(task: Resource, caller: Caller, said: str, at: datetime) -> Resource:
    """The task, not offered any more. Raises NotNow where it is offered to nobody, NotYours to who has no part in it."""
    to = offer_of(task)
    if to is None:
        raise NotNow("Uppgiften är inte erbjuden till någon. Läs om sidan")
    if not mine(to, caller) and not mine(task.get("owner", {}), caller):
        raise NotYours("Bara den som uppgiften är erbjuden till, eller den som har den, svarar på det")
    moment, word = at.isoformat(timespec="seconds"), _NO if mine(to, caller) else _BACK
    words = f"{word}: {said}" if said else word
    note = {"authorReference": person(caller), "time": moment, "text": words}
    return settled(task) | {"note": [*task.get("note", ()), note], "lastModified": moment}


def declined_by(task: Resource, caller: Caller) -> bool:
    """Whether the last word on this task is that this person declined it, and it is offered to nobody since."""
    last = (task.get("note") or [{}])[-1]
    words = str(last.get("text", ""))
    said = words.startswith((_NO, _BACK)) and same(last.get("authorReference", {}), person(caller))
    return said and offer_of(task) is None


def settled(task: Resource) -> Resource:
    """The task without its offer."""
    kept = [one for one in task.get("extension", ()) if one.get("url") != OFFERED]
    rest = {name: value for name, value in task.items() if name != "extension"}
    return rest | ({"extension": kept} if kept else {})
