"""Decision support where a medicine is prescribed: each check is clear, a hit, or not made (spec look §6; pure).

Not made never looks like clear: what could not be read, what has no code, and what no source knows is said by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vis.care.medicines import name_of

Resource = Mapping[str, Any]
Code = Literal["duplicate", "allergy", "interaction"]
State = Literal["clear", "hit", "unchecked"]

ATC = "http://www.whocc.no/atc"
HIDDEN = "Det finns uppgifter om patienten som inte visas för dig"
AWAY = "Regionens journal svarade inte, bara det som finns i vårdsystemet är jämfört"
_ATC = frozenset((ATC, "urn:oid:1.2.752.129.2.2.3.1.1"))
_SUBSTANCE = 7  # characters of an ATC code at its fifth level
# Groups that people are allergic to by name, as beginnings of ATC codes (WHO Collaborating Centre, atcddd.fhi.no).
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "penicillin": ("J01C",), "betalaktam": ("J01C", "J01D"), "cefalosporin": ("J01D",), "sulfa": ("J01E",),
    "sulfonamid": ("J01E",), "makrolid": ("J01FA",), "tetracyklin": ("J01A",), "kinolon": ("J01M",), "nsaid": ("M01A",),
    "acetylsalicylsyra": ("N02BA", "B01AC06"), "asa": ("N02BA", "B01AC06"), "opioid": ("N02A",), "statin": ("C10AA",),
    "ace-hämmare": ("C09A", "C09B"), "heparin": ("B01AB",), "insulin": ("A10A",), "kontrastmedel": ("V08",),
}  # fmt: skip
_NONE_KNOWN = frozenset(
    ("716186003", "409137002", "428607008", "716184000")
)  # SNOMED CT: no known allergy, of some kind


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found of one draft. `about` is "Type/id" of what was hit, "" where nothing is named; it and `code` are
    what an answer names."""

    code: Code
    state: State
    text: str
    about: str = ""
    severe: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of the patient; None: it could not be read. `gap`: why it is less than there is, "" where it is not."""

    medicines: Sequence[Resource] | None
    allergies: Sequence[Resource] | None
    gap: str = ""


def checks(draft: Resource, basket: Sequence[Resource], known: Known) -> list[Check]:
    """Every check of one draft, among the patient's medicines and the other drafts of the same signature."""
    prior = str(draft.get("priorPrescription", {}).get("reference", ""))
    others = [one for one in basket if one.get("id") != draft.get("id")]
    standing = None if known.medicines is None else [one for one in known.medicines if key_of(one) != prior]
    renewed = {str(one.get("priorPrescription", {}).get("reference", "")) for one in others} - {""}
    if standing is not None:
        standing = [one for one in standing if key_of(one) not in renewed]
    return [
        *_duplicates(draft, standing, others, gap=known.gap),
        *_allergies(draft, known),
        _interactions(standing, others, gap=known.gap),
    ]


def open_checks(found: Iterable[Check], answered: Iterable[tuple[str, str]]) -> list[Check]:
    """Those that must be answered before signing, and are not; an answer names (check, about)."""
    given = set(answered)
    return [one for one in found if one.state != "clear" and (one.code, one.about) not in given]


def key_of(one: Resource) -> str:
    return f"{one.get('resourceType')}/{one.get('id')}"


def atc(medicine: Resource) -> str:
    """The ATC code, "" where there is none."""
    codings = medicine.get("medicationCodeableConcept", {}).get("coding", ())
    return next((str(one.get("code", "")).upper() for one in codings if one.get("system") in _ATC), "")


def substance(medicine: Resource) -> str:
    """The first word of the name, where the generic name stands."""
    words = name_of(medicine).casefold().replace(",", " ").split()
    return words[0] if words else ""


def _duplicates(
    draft: Resource, standing: Sequence[Resource] | None, others: Sequence[Resource], *, gap: str
) -> list[Check]:
    hits = [
        Check("duplicate", "hit", f"Patienten har redan {name_of(one)}", key_of(one))
        for one in standing or ()
        if _same(draft, one)
    ]
    hits += [
        Check("duplicate", "hit", f"Samma substans ordineras två gånger: {name_of(one)}", key_of(one))
        for one in others
        if _same(draft, one)
    ]
    reason = ""
    if standing is None:
        reason = "Patientens läkemedel gick inte att läsa"
    elif gap:
        reason = gap
    elif not atc(draft):
        reason = "Läkemedlet saknar ATC-kod och är jämfört bara på namnet"
    elif uncoded := [one for one in (*standing, *others) if len(atc(one)) < _SUBSTANCE and not _same(draft, one)]:
        reason = f"Läkemedel utan ATC-kod är jämförda bara på namnet: {_listed(uncoded)}"
    return _told("duplicate", hits, reason, "Ingen dubblering av samma substans")


def _same(one: Resource, other: Resource) -> bool:
    first, second = atc(one), atc(other)
    if len(first) >= _SUBSTANCE and len(second) >= _SUBSTANCE:
        return first == second
    return bool(substance(one)) and substance(one) == substance(other)


def _allergies(draft: Resource, known: Known) -> list[Check]:
    if known.allergies is None:
        return [Check("allergy", "unchecked", "Patientens överkänslighet gick inte att läsa")]
    living = [one for one in known.allergies if not _codes(one, "verificationStatus") & {"refuted", "entered-in-error"}]
    if not living:
        return [Check("allergy", "unchecked", "Överkänslighet är inte registrerad. Fråga patienten")]
    real = [
        one
        for one in living
        if not _codes(one, "code") & _NONE_KNOWN and not _codes(one, "clinicalStatus") & {"inactive", "resolved"}
    ]
    hits = [_hit(one) for one in real if _reacts(draft, one)]
    reason = ""
    if known.gap:
        reason = known.gap
    elif not atc(draft):
        reason = "Läkemedlet saknar ATC-kod och är jämfört bara på namnet"
    elif vague := [one for one in real if _vague(one) and not _reacts(draft, one)]:
        names = ", ".join(dict.fromkeys(_named(one) for one in vague))
        reason = f"Överkänslighet utan kod är jämförd bara på namnet: {names}"
    return _told("allergy", hits, reason, "Ingen känd överkänslighet mot läkemedlet")


def _hit(allergy: Resource) -> Check:
    shown = (one.get("text") for part in allergy.get("reaction", ()) for one in part.get("manifestation", ()))
    reaction = next((str(one) for one in shown if one), "")
    text = f"Överkänslighet: {_named(allergy)}" + (f", {reaction}" if reaction else "")
    return Check("allergy", "hit", text, key_of(allergy), severe=allergy.get("criticality") == "high")


def _reacts(draft: Resource, allergy: Resource) -> bool:
    code, words = atc(draft), name_of(draft).casefold()
    begins = [*_atc_of(allergy), *(start for group in _grouped(allergy) for start in _GROUPS[group])]
    if code and any(code.startswith(one) for one in begins):
        return True
    named = _named(allergy).casefold()
    return bool(named) and (named in words or (len(substance(draft)) > 3 and substance(draft) in named))


def _grouped(allergy: Resource) -> list[str]:
    words = _named(allergy).casefold().replace("/", " ").split()
    return [one for one in _GROUPS if any(word.startswith(one) if len(one) > 3 else word == one for word in words)]


def _vague(allergy: Resource) -> bool:
    """Whether it may be against a medicine, and nothing but its name says which."""
    of_food = set(allergy.get("category", ())) & {"food", "environment"} and "medication" not in allergy.get(
        "category", ()
    )
    return not (of_food or _atc_of(allergy) or _grouped(allergy))


def _atc_of(allergy: Resource) -> list[str]:
    return [
        str(one.get("code", "")).upper()
        for one in allergy.get("code", {}).get("coding", ())
        if one.get("system") in _ATC and one.get("code")
    ]


def _named(allergy: Resource) -> str:
    code = allergy.get("code", {})
    said = [code.get("text"), *(one.get("display") for one in code.get("coding", ()))]
    return next((str(one).strip() for one in said if one), "okänt ämne")


def _interactions(standing: Sequence[Resource] | None, others: Sequence[Resource], *, gap: str) -> Check:
    """Nobody has given this region a source of interactions; only where there is nothing to interact with is it clear."""
    if standing is not None and not standing and not others and not gap:
        return Check("interaction", "clear", "Inga andra läkemedel")
    return Check(
        "interaction", "unchecked", "Interaktioner med patientens andra läkemedel. Regionen har ingen källa för det"
    )


def _told(code: Code, hits: list[Check], reason: str, clear: str) -> list[Check]:
    if reason:
        return [*hits, Check(code, "unchecked", reason)]
    return hits or [Check(code, "clear", clear)]


def _codes(found: Resource, name: str) -> set[str]:
    concept = found.get(name) or {}
    return {str(one.get("code")) for one in concept.get("coding", ())}


def _listed(medicines: Sequence[Resource]) -> str:
    names = list(dict.fromkeys(name_of(one) or "läkemedel utan namn" for one in medicines))
    return ", ".join(names[:3]) + (f" och {len(names) - 3} till" if len(names) > 3 else "")
