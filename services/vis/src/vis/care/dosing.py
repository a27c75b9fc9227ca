"""How a dose and a strength are written so that nobody reads them wrongly (HSLF-FS 2017:37; spec applications §5.2; pure).

Every rule answers with what to write instead.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

Resource = Mapping[str, Any]

LONGEST = 500  # characters of a dose, and of a medicine's name with form and strength
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[µμ]\s?g\b|\bmcg\b|\bug\b", re.IGNORECASE), "Skriv mikrogram med hela ordet"),
    (re.compile(r"\d\s?(?:IE|IU|EH|E|U)\b"), "Skriv enheter med hela ordet"),
    (re.compile(r"\d[.]\d"), "Skriv decimaler med kommatecken"),
    (re.compile(r"\d,\d*?0+(?!\d)"), "Skriv talet utan nolla sist efter kommatecknet"),
    (re.compile(r"(?:^|[\s(–-])[,.]\d"), "Skriv noll före kommatecknet"),
    (re.compile(r"[\x00-\x1f\x7f]"), "Skriv på en rad"),
)
# A strength says how much of the substance there is in each dose, volume or day.
_STRENGTH = re.compile(
    r"\d(?:[\d\s]*(?:,\d+)?)\s?(?:mg|g|mikrogram|nanogram|mmol|mol|ml|enheter|miljoner enheter|%|kBq|MBq)(?![a-zåäö])",
    re.IGNORECASE,
)
_AS_NEEDED, _MOST = re.compile(r"vid behov", re.IGNORECASE), re.compile(r"högst|max", re.IGNORECASE)
_PERIODS = frozenset(("s", "min", "h", "d", "wk", "mo", "a"))


def misreadable(text: str) -> list[str]:
    """What in this text may be read wrongly, as what to write instead; empty where nothing is."""
    found = [say for rule, say in _RULES if rule.search(text)]
    return [*found, f"Skriv högst {LONGEST} tecken"] if len(text) > LONGEST else found


def has_strength(text: str) -> bool:
    return _STRENGTH.search(text) is not None


def dose_faults(dosage: Resource) -> list[str]:
    """What is missing or may be misread in one dosageInstruction; either its text or its structure must say the dose."""
    text, repeat = str(dosage.get("text", "")).strip(), dosage.get("timing", {}).get("repeat", {})
    found = misreadable(text)
    if repeat or dosage.get("doseAndRate"):
        found += _structure_faults(dosage, repeat)
    elif not any(sign.isdigit() for sign in text):
        found.append("Skriv dosen med siffror, till exempel 1 tablett kl. 08:00")
    if not text:
        found.append("Skriv dosen med ord")
    needed = dosage.get("asNeededBoolean") is True or _AS_NEEDED.search(text) is not None
    if needed and not dosage.get("maxDosePerPeriod") and not _MOST.search(text):
        found.append("Skriv högsta dos per dygn när läkemedlet tas vid behov")
    return list(dict.fromkeys(found))


def _structure_faults(dosage: Resource, repeat: Resource) -> Iterator[str]:
    amounts = [
        one.get("doseQuantity") or one.get("doseRange", {}).get("high") or {} for one in dosage.get("doseAndRate", ())
    ]
    if not amounts or not all(_positive(one.get("value")) and one.get("unit") for one in amounts):
        yield "Ange dos per tillfälle med enhet"
    for one in amounts:
        yield from misreadable(f"1 {one.get('unit', '')}")
    if dosage.get("asNeededBoolean") is True:
        return
    frequent = (
        _positive(repeat.get("frequency")) and _positive(repeat.get("period")) and repeat.get("periodUnit") in _PERIODS
    )
    if not (frequent or repeat.get("timeOfDay") or repeat.get("when")):
        yield "Ange hur ofta läkemedlet tas"


def _positive(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value > 0
