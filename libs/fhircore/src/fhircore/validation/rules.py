"""The invariants of R4 that say which elements go together, as one table (http://hl7.org/fhir/R4/conformance-rules.html#constraints).

A rule takes one element as a dict and answers true when it holds. Rules that need more than presence are functions in
rules_types.py, rules_care.py and rules_conformance.py; `invariants.py` joins them all.
"""

from collections.abc import Callable
from typing import Any

from fhircore.validation.definitions import shape

Rule = Callable[[dict[str, Any]], Any]

AT_LEAST_ONE = """
Appointment.participant app-1 type actor
AppointmentResponse apr-1 participantType actor
Bundle.entry bdl-5 resource request response
CapabilityStatement cpb-1 rest messaging document
CapabilityStatement cpb-2 description software implementation
Composition.section cmp-1 text entry section
Condition.evidence con-2 code detail
Condition.stage con-1 summary assessment
Consent ppc-1 policy policyRule
ElementDefinition.slicing eld-1 discriminator description
Expression exp-1 expression reference
Immunization.education imm-1 documentType reference
ImmunizationRecommendation.recommendation imr-1 vaccineCode targetDisease
InsurancePlan ipn-1 identifier name
MedicationAdministration.dosage mad-1 dose rate[x]
Observation.referenceRange obs-3 low high text
OperationDefinition.parameter opd-1 type part
Organization org-1 identifier name
Patient.contact pat-1 name telecom address organization
StructureDefinition sdf-6 snapshot differential
StructureDefinition.mapping sdf-2 name uri
TerminologyCapabilities tcp-2 description software implementation
ValueSet.compose.include vsd-1 valueSet system
ValueSet.expansion.contains vsd-6 code display
"""

NOT_BOTH = """
AuditEvent.entity sev-1 name query
CarePlan.activity cpl-3 detail reference
Composition.section cmp-2 emptyReason entry
ElementDefinition eld-8 pattern[x] fixed[x]
ElementDefinition eld-15 defaultValue[x] meaningWhenMissing
FamilyMemberHistory fhs-1 age[x] born[x]
List lst-1 emptyReason entry
Observation obs-6 dataAbsentReason value[x]
Questionnaire.item que-4 answerOption answerValueSet
Questionnaire.item que-11 answerOption initial
QuestionnaireResponse.item qrs-1 answer item
Timing.repeat tim-10 timeOfDay when
TriggerDefinition trd-1 data timing[x]
ValueSet.compose.include vsd-3 concept filter
"""

EXACTLY_ONE = """
CoverageEligibilityResponse.insurance.item ces-1 category productOrService
DataRequirement.codeFilter drq-1 path searchParam
DataRequirement.dateFilter drq-2 path searchParam
Parameters.parameter inv-1 value[x] resource part
RequestGroup.action rqg-1 resource action
TestReport.setup.action inv-1 operation assert
TestReport.test.action inv-2 operation assert
TestScript.setup.action tst-1 operation assert
TestScript.test.action tst-2 operation assert
"""

FIRST_NEEDS = """
Age qty-3 code system
Attachment att-1 data contentType
ContactPoint cpt-2 value system
Count qty-3 code system
Distance qty-3 code system
Duration qty-3 code system
ElementDefinition eld-22 sliceIsConstraining sliceName
FamilyMemberHistory fhs-2 estimatedAge age[x]
Goal.target gol-1 detail[x] measure
MoneyQuantity qty-3 code system
Quantity qty-3 code system
SearchParameter spd-1 xpath xpathUsage
ServiceRequest prr-1 orderDetail code
SimpleQuantity qty-3 code system
StructureMap.group.rule.target smp-1 element context
StructureMap.group.rule.target smp-2 context contextType
Timing.repeat tim-1 duration durationUnit
Timing.repeat tim-2 period periodUnit
Timing.repeat tim-6 periodMax period
Timing.repeat tim-7 durationMax duration
Timing.repeat tim-8 countMax count
TriggerDefinition trd-2 condition data
ValueSet.expansion.contains vsd-10 code system
"""


def has(element: dict[str, Any], name: str) -> bool:
    """True when the element is there, as a value or only with extensions."""
    return name in element or "_" + name in element


def presence(path: str, name: str) -> Rule:
    """A test whether the element is there; `value[x]` stands for all its variants."""
    variants = shape(path).choices.get(name)
    if variants is None:
        underscored = "_" + name
        return lambda v: name in v or underscored in v
    prefix = name[:-3]
    possible = frozenset(variants) | frozenset("_" + variant for variant in variants)
    return lambda v: any(key in possible for key in v if prefix in key)


def _at_least_one(path: str, *names: str) -> Rule:
    tests = [presence(path, name) for name in names]
    return lambda v: any(test(v) for test in tests)


def _not_both(path: str, one: str, other: str) -> Rule:
    first, second = presence(path, one), presence(path, other)
    return lambda v: not first(v) or not second(v)


def _exactly_one(path: str, *names: str) -> Rule:
    tests = [presence(path, name) for name in names]
    return lambda v: sum(test(v) for test in tests) == 1


def _first_needs(path: str, one: str, other: str) -> Rule:
    first, second = presence(path, one), presence(path, other)
    return lambda v: not first(v) or second(v)


_TABLES = (
    (AT_LEAST_ONE, _at_least_one),
    (NOT_BOTH, _not_both),
    (EXACTLY_ONE, _exactly_one),
    (FIRST_NEEDS, _first_needs),
)


def presence_rules() -> dict[str, dict[str, Rule]]:
    """Every rule of the tables by path and key."""
    found: dict[str, dict[str, Rule]] = {}
    for table, build in _TABLES:
        for line in table.strip().splitlines():
            path, key, *names = line.split()
            found.setdefault(path, {})[key] = build(path, *names)
    return found
