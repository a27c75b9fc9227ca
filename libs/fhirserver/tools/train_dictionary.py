"""Trains the zstd dictionary of stored bodies on made-up resources only (D8): a dictionary keeps words of what it saw.

Run at release time: `python libs/fhirserver/tools/train_dictionary.py 2` writes dictionaries/2.zdict. Released files are
never changed or dropped, since rows were written with them.
"""

import json
import random
import sys
import uuid
from pathlib import Path
from typing import Any

import zstandard

HL7 = "http://terminology.hl7.org/CodeSystem/"
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
RXNORM, CVX = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/cvx"
ATC, ICD = "http://www.whocc.no/atc", "http://hl7.org/fhir/sid/icd-10-se"
SEMANTICS = [
    ("8302-2", "Body Height", "cm"), ("29463-7", "Body Weight", "kg"), ("8867-4", "Heart rate", "/min"),
    ("85354-9", "Blood pressure panel", "mm[Hg]"), ("2339-0", "Glucose", "mg/dL"), ("718-7", "Hemoglobin", "g/dL"),
    ("NPU03429", "P-Natrium", "mmol/L"), ("NPU03230", "P-Kalium", "mmol/L"), ("4548-4", "Hemoglobin A1c", "%"),
]  # fmt: skip
rnd = random.Random(20261126)  # noqa: S311 — reproducible, not secret


def ref(type_name: str) -> dict[str, str]:
    return {"reference": f"{type_name}/{uuid.UUID(int=rnd.getrandbits(128), version=4)}"}


def when() -> str:
    day = f"20{rnd.randint(10, 26)}-{rnd.randint(1, 12):02}-{rnd.randint(1, 28):02}"
    return f"{day}T{rnd.randint(0, 23):02}:{rnd.randint(0, 59):02}:{rnd.randint(0, 59):02}+0{rnd.randint(0, 2)}:00"


def concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def number(low: int, high: int) -> float:
    return round(rnd.uniform(low, high), rnd.choice([0, 1, 2, 4]))


def resource(type_name: str) -> dict[str, Any]:
    """A made-up resource of this type with the members and systems that real ones have."""
    body = {
        "resourceType": type_name,
        "id": str(uuid.UUID(int=rnd.getrandbits(128), version=4)),
        "meta": {"versionId": "1", "lastUpdated": "2026-11-26T12:00:00.000Z"},
    }
    body.update(CONTENT[type_name]())
    return body


def observation() -> dict[str, Any]:
    code, display, unit = rnd.choice(SEMANTICS)
    category = rnd.choice(["laboratory", "vital-signs", "survey", "social-history"])
    return {
        "status": "final",
        "category": [{"coding": [{"system": HL7 + "observation-category", "code": category, "display": category}]}],
        "code": concept(LOINC, code, display),
        "subject": ref("Patient"), "encounter": ref("Encounter"), "effectiveDateTime": when(), "issued": when(),
        "valueQuantity": {"value": number(1, 300), "unit": unit, "system": UCUM, "code": unit},
        "interpretation": [{"coding": [{"system": HL7 + "v3-ObservationInterpretation", "code": "N"}]}],
        "referenceRange": [{"low": {"value": 3.5, "unit": unit}, "high": {"value": 5.0, "unit": unit}, "text": "3,5-5,0"}],
    }  # fmt: skip


def encounter() -> dict[str, Any]:
    return {
        "identifier": [{"use": "official", "system": "urn:oid:1.2.752.129.2.1.2.1", "value": str(rnd.getrandbits(40))}],
        "status": "finished",
        "class": {"system": HL7 + "v3-ActCode", "code": rnd.choice(["AMB", "IMP", "EMER", "WELLNESS"])},
        "type": [concept(SNOMED, "162673000", "General examination of patient (procedure)")],
        "subject": ref("Patient"),
        "participant": [{
            "type": [concept(HL7 + "v3-ParticipationType", "PPRF", "primary performer")],
            "period": {"start": when(), "end": when()}, "individual": ref("Practitioner"),
        }],
        "period": {"start": when(), "end": when()}, "location": [{"location": ref("Location")}],
        "serviceProvider": ref("Organization"),
    }  # fmt: skip


def condition() -> dict[str, Any]:
    return {
        "clinicalStatus": {"coding": [{"system": HL7 + "condition-clinical", "code": rnd.choice(["active", "resolved"])}]},
        "verificationStatus": {"coding": [{"system": HL7 + "condition-ver-status", "code": "confirmed"}]},
        "category": [concept(HL7 + "condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
        "code": concept(*rnd.choice([(SNOMED, "38341003", "Hypertension (disorder)"), (ICD, "I10.9", "Hypertoni UNS")])),
        "subject": ref("Patient"), "encounter": ref("Encounter"), "onsetDateTime": when(), "abatementDateTime": when(),
        "recordedDate": when(),
    }  # fmt: skip


def medication_request() -> dict[str, Any]:
    drug = rnd.choice([(RXNORM, "314076", "lisinopril 10 MG Oral Tablet"), (ATC, "C07AB02", "Metoprolol")])
    return {
        "status": "active", "intent": "order", "medicationCodeableConcept": concept(*drug), "subject": ref("Patient"),
        "encounter": ref("Encounter"), "authoredOn": when(), "requester": ref("Practitioner"),
        "reasonReference": [ref("Condition")],
        "dosageInstruction": [{
            "sequence": 1, "text": "1 tablett 2 gånger dagligen", "asNeededBoolean": False,
            "timing": {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d"}},
            "doseAndRate": [{"type": concept(HL7 + "dose-rate-type", "ordered", "Ordered"), "doseQuantity": {"value": 1.0}}],
        }],
    }  # fmt: skip


def procedure() -> dict[str, Any]:
    return {
        "status": "completed", "code": concept(SNOMED, "430193006", "Medication Reconciliation (procedure)"),
        "subject": ref("Patient"), "encounter": ref("Encounter"), "performedPeriod": {"start": when(), "end": when()},
        "location": ref("Location"), "reasonReference": [ref("Condition")],
    }  # fmt: skip


def report() -> dict[str, Any]:
    return {
        "status": "final",
        "category": [{"coding": [{"system": HL7 + "v2-0074", "code": "LAB", "display": "Laboratory"}]}],
        "code": concept(LOINC, "51990-0", "Basic Metabolic Panel"), "subject": ref("Patient"),
        "encounter": ref("Encounter"), "effectiveDateTime": when(), "issued": when(), "performer": [ref("Practitioner")],
        "result": [ref("Observation") for _ in range(rnd.randint(2, 8))],
        "presentedForm": [{"contentType": "text/plain", "data": "U3ZhcjogdWFu"}],
    }  # fmt: skip


def immunization() -> dict[str, Any]:
    vaccine = concept(CVX, "140", "Influenza, seasonal, injectable, preservative free")
    return {
        "status": "completed", "vaccineCode": vaccine, "patient": ref("Patient"), "encounter": ref("Encounter"),
        "occurrenceDateTime": when(), "primarySource": True, "location": ref("Location"),
    }  # fmt: skip


def claim() -> dict[str, Any]:
    return {
        "status": "active", "type": {"coding": [{"system": HL7 + "claim-type", "code": "professional"}]}, "use": "claim",
        "patient": ref("Patient"), "billablePeriod": {"start": when(), "end": when()}, "created": when(),
        "provider": ref("Organization"), "priority": {"coding": [{"system": HL7 + "processpriority", "code": "normal"}]},
        "facility": ref("Location"), "diagnosis": [{"sequence": 1, "diagnosisReference": ref("Condition")}],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Insurance"}}],
        "item": [{
            "sequence": n, "diagnosisSequence": [1], "encounter": [ref("Encounter")],
            "productOrService": concept(SNOMED, "162673000", "General examination of patient (procedure)"),
            "net": {"value": number(50, 900), "currency": "USD"}, "adjudication": [],
        } for n in range(1, rnd.randint(2, 5))],
        "total": {"value": number(50, 900), "currency": "USD"},
    }  # fmt: skip


def benefit() -> dict[str, Any]:
    kinds = ("deductible", "eligible", "paidtoprovider", "submitted")
    amounts = [{"category": {"coding": [{"system": HL7 + "adjudication", "code": k, "display": k}]},
                "amount": {"value": number(0, 99), "currency": "USD"}} for k in kinds]  # fmt: skip
    base = claim()
    base.pop("priority")
    for item in base["item"]:
        item["adjudication"] = amounts
    return {
        **base, "identifier": [{"system": "https://example.org/claim", "value": str(rnd.getrandbits(50))}],
        "contained": [{"resourceType": "ServiceRequest", "id": "referral", "status": "completed", "intent": "order",
                       "subject": ref("Patient"), "requester": ref("Practitioner"), "performer": [ref("Practitioner")]},
                      {"resourceType": "Coverage", "id": "coverage", "status": "active", "type": {"text": "Insurance"},
                       "beneficiary": ref("Patient"), "payor": [{"display": "Insurance"}]}],
        "insurer": {"display": "Insurance"}, "referral": {"reference": "#referral"}, "claim": ref("Claim"),
        "outcome": "complete", "careTeam": [{"sequence": 1, "provider": ref("Practitioner")}],
        "payment": {"amount": {"value": number(0, 99), "currency": "USD"}},
    }  # fmt: skip


def patient() -> dict[str, Any]:
    return {
        "identifier": [{"system": "http://electronichealth.se/identifier/personnummer", "value": "191212121212"},
                       {"type": concept(HL7 + "v2-0203", "MR", "Medical Record Number"), "value": "1"}],
        "active": True,
        "name": [{"use": "official", "family": "Exempelsson", "given": ["Tova", "Anna"], "prefix": ["Ms."]}],
        "telecom": [{"system": "phone", "value": "070-1740605", "use": "home"}], "gender": "female", "birthDate": "1912-12-12",
        "address": [{"use": "home", "line": ["Storgatan 1"], "city": "Stockholm", "state": "Stockholm",
                     "postalCode": "123 45", "country": "SE"}],
        "maritalStatus": concept(HL7 + "v3-MaritalStatus", "M", "M"), "multipleBirthBoolean": False,
        "communication": [{"language": concept("urn:ietf:bcp:47", "sv", "Svenska")}],
    }  # fmt: skip


def document() -> dict[str, Any]:
    return {
        "status": "current", "type": concept(LOINC, "34117-2", "History and physical note"),
        "category": [concept("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note",
                             "Clinical Note")],
        "subject": ref("Patient"), "date": when(), "author": [ref("Practitioner")], "custodian": ref("Organization"),
        "content": [{"attachment": {"contentType": "text/plain", "data": "QW50ZWNrbmluZw=="},
                     "format": {"system": "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem",
                                "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient", "display": "mimeType Sufficient"}}],
        "context": {"encounter": [ref("Encounter")], "period": {"start": when(), "end": when()}},
    }  # fmt: skip


def plan() -> dict[str, Any]:
    return {
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Care Plan<br/></div>'},
        "status": "active", "intent": "order", "category": [concept(SNOMED, "736285004", "Hypertension care plan")],
        "subject": ref("Patient"), "encounter": ref("Encounter"), "period": {"start": when()},
        "careTeam": [ref("CareTeam")], "addresses": [ref("Condition")],
        "activity": [{"detail": {"code": concept(SNOMED, "386463000", "Prescribed activity/exercise education"),
                                 "status": "in-progress", "location": {"display": "Vårdcentralen"}}}],
    }  # fmt: skip


def team() -> dict[str, Any]:
    return {
        "status": "active", "subject": ref("Patient"), "encounter": ref("Encounter"), "period": {"start": when()},
        "participant": [{"role": [concept(SNOMED, "116154003", "Patient")], "member": ref("Patient")}],
        "managingOrganization": [ref("Organization")],
    }  # fmt: skip


def register() -> dict[str, Any]:
    return {
        "identifier": [{"system": "urn:oid:1.2.752.29.4.19", "value": "SE0000000001-ABCD"}], "active": True,
        "name": "Vårdcentralen", "telecom": [{"system": "phone", "value": "08-1234567"}],
        "address": [{"line": ["Storgatan 1"], "city": "Stockholm", "postalCode": "123 45", "country": "SE"}],
    }  # fmt: skip


CONTENT = {
    "Observation": observation, "Encounter": encounter, "Condition": condition, "MedicationRequest": medication_request,
    "Procedure": procedure, "DiagnosticReport": report, "Immunization": immunization, "Claim": claim,
    "ExplanationOfBenefit": benefit, "Patient": patient, "DocumentReference": document, "CarePlan": plan, "CareTeam": team,
    "Organization": register, "Location": register, "Practitioner": register,
}  # fmt: skip
WEIGHT = {"Observation": 20, "Encounter": 6, "MedicationRequest": 5, "Procedure": 5, "DiagnosticReport": 4, "Claim": 4}


def main() -> None:
    number_of = int(sys.argv[1])
    kinds = [name for name in CONTENT for _ in range(WEIGHT.get(name, 2))]
    samples = [
        json.dumps(resource(rnd.choice(kinds)), ensure_ascii=False, separators=(",", ":")).encode() for _ in range(6000)
    ]
    dictionary = zstandard.train_dictionary(65_536, samples, dict_id=number_of, level=3, threads=-1)
    target = Path(__file__).parent.parent / "src" / "fhirserver" / "dictionaries" / f"{number_of}.zdict"
    target.write_bytes(dictionary.as_bytes())


if __name__ == "__main__":
    main()
