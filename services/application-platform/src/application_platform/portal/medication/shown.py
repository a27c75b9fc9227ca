"""Medicines as one reads them: what it is, the dose in words, and why (spec look §6, Medication line)."""

from collections.abc import Mapping

from application_platform.portal.entry import (
    Entry,
    Held,
    Resource,
    State,
    base,
    display,
    first,
    joined,
    reference,
    start,
    state,
)
from application_platform.portal.swedish import NBSP, dose, dose_unit
from application_platform.portal.values import text_of


def medication(found: Resource, held: Held) -> Entry:
    status = str(found.get("status", ""))
    reason = text_of(first(found.get("reasonCode"))) or display(first(found.get("reasonReference")))
    asked = found.get("authoredOn") or found.get("effectiveDateTime") or start(found) or found.get("dateAsserted")
    states = {"completed": State("Avslutat"), "cancelled": State("Avbrutet")}
    given = found.get("resourceType") == "MedicationAdministration"
    shown = {**state(found, status)}
    if not given and status in states:
        shown["state"] = states[status]
    doses = found.get("dosageInstruction") or found.get("dosage") or []
    lines = [dosage(item) for item in (doses if isinstance(doses, list) else [doses])]
    return Entry(
        **base(found, asked),
        **shown,
        kind="lakemedel",
        icon="pill",
        title=name_of(found, held),
        line=joined("Givet" if given else "", *lines, reason),
        source=display(found.get("requester")) or display(found.get("informationSource")),
    )


def name_of(found: Resource, held: Held) -> str:
    """What the medicine is called, also where a resource beside it says so."""
    named = text_of(found.get("medicationCodeableConcept"))
    other = found.get("medicationReference")
    linked = held.get(reference(other), {})
    return named or text_of(linked.get("code")) or display(other) or "Läkemedel utan namn"


_PERIODS = {"h": "timme", "d": "dag", "wk": "vecka", "mo": "månad", "min": "minut", "a": "år"}


def dosage(found: Resource) -> str:
    """The dose in words: its own text, else amount and how often."""
    if found.get("text"):
        return str(found["text"])
    amount = ""
    given = first(found.get("doseAndRate")).get("doseQuantity") or found.get("dose")
    if isinstance(given, Mapping) and "value" in given:
        measure = dose_unit(str(given.get("unit") or given.get("code") or ""))
        amount = f"{dose(given['value'])}{NBSP}{measure}".strip() if measure else f"dos {dose(given['value'])}"
    repeat = found.get("timing", {}).get("repeat", {})
    often = ""
    if repeat.get("frequency") and repeat.get("period") and repeat.get("periodUnit") in _PERIODS:
        span, per = dose(repeat["period"]), _PERIODS[repeat["periodUnit"]]
        times = "gång" if repeat["frequency"] == 1 else "gånger"
        every = f"per {per}" if span == "1" else f"per {span} {per}"
        often = f"{repeat['frequency']} {times} {every}"
    return ", ".join(part for part in (amount, often, "vid behov" if found.get("asNeededBoolean") else "") if part)
