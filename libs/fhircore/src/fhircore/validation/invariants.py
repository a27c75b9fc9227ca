"""All invariants that are checked, by path, and which are not (http://hl7.org/fhir/R4/conformance-rules.html)."""

from functools import cache

from fhircore.validation.definitions import texts
from fhircore.validation.rules import Rule, presence_rules
from fhircore.validation.rules_care import CARE_RULES
from fhircore.validation.rules_conformance import CONFORMANCE_RULES
from fhircore.validation.rules_definitions import DEFINITION_RULES
from fhircore.validation.rules_types import TYPE_RULES

# Checked by the walk itself, not as a rule of one element.
_IN_THE_WALK = ("dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2", "ele-1", "sqty-1")
# Stated again where a contentReference repeats the element of tst-5, tst-7, tst-10 and tst-12.
_REPEATED = ("tst-6", "tst-8", "tst-9", "tst-11", "tst-13")
BUILT_IN = frozenset(_IN_THE_WALK + _REPEATED)


@cache
def rules_by_path() -> dict[str, dict[str, Rule]]:
    found = presence_rules()
    for group in (TYPE_RULES, CARE_RULES, CONFORMANCE_RULES, DEFINITION_RULES):
        for path, rules in group.items():
            found.setdefault(path, {}).update(rules)
    return found


def rules_of(path: str) -> dict[str, Rule]:
    """The rules of this type or backbone by key."""
    return rules_by_path().get(path, {})


@cache
def wording(path: str, key: str) -> str:
    """The specification's sentence for this invariant of this path (or of an element directly below it)."""
    for stated, rules in texts().items():
        if key in rules and (stated == path or stated.rpartition(".")[0] == path):
            return rules[key][0]
    return next((rules[key][0] for rules in texts().values() if key in rules), key)


def unchecked_invariants() -> dict[str, str]:
    """Invariants of severity error that are not checked, `path key` → sentence; warnings are never checked."""
    found = {}
    for path, rules in texts().items():
        near = (
            BUILT_IN
            | _keys(path)
            | _keys(path.rpartition(".")[0])
            | {key for below in rules_by_path() if below.startswith(path) for key in _keys(below)}
        )
        found.update(
            {
                f"{path} {key}": text
                for key, (text, severity) in rules.items()
                if severity == "error" and key not in near
            }
        )
    return found


def _keys(path: str) -> set[str]:
    return set(rules_of(path))
