"""HL7 v2 tables as FHIR codes: HL7's v2-to-FHIR concept maps with our overlay where they leave a gap.

Overlay (each was undecided or unfit in the published maps): encounter status follows the patient class and the
discharge time, not A04 → planned and A08 → unknown; report status A, M, N and observation status B, I, N, O, R, S, U, V
are mapped.
"""

from collections.abc import Mapping
from types import MappingProxyType

Codes = Mapping[str, str]


def _table(**codes: str) -> Codes:
    return MappingProxyType(codes)


V2 = "http://terminology.hl7.org/CodeSystem/v2-"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
UCUM = "http://unitsofmeasure.org"

GENDER = _table(F="female", M="male", O="other", U="unknown", A="other", N="other")
NAME_USE = _table(
    BAD="old", D="usual", L="official", M="maiden", MSK="anonymous", N="nickname", NAV="temp", R="official", TEMP="temp"
)
ADDRESS_USE = _table(BA="old", BI="billing", C="temp", B="work", H="home", O="work", P="home")
ADDRESS_TYPE = _table(M="postal", SH="postal")
TELECOM_USE = _table(PRN="home", WPN="work", PRS="mobile", VHN="temp")
TELECOM_SYSTEM = _table(
    PH="phone", CP="phone", FX="fax", BP="pager", MD="other", SAT="other", TDD="other", TTY="other", INTERNET="email"
)
MARITAL = _table(
    A="L",
    D="D",
    M="M",
    S="S",
    W="W",
    C="C",
    G="T",
    P="T",
    R="T",
    E="L",
    N="A",
    I="I",
    B="U",
    U="UNK",
    O="OTH",
    T="NAVU",
)
_MARITAL_NULLS = frozenset({"UNK", "OTH", "NAVU"})

ENCOUNTER_CLASS = _table(E="EMER", I="IMP", O="AMB", P="PRENC")
ENCOUNTER_STATUS = _table(P="planned", U="unknown")  # every other class: in-progress

OBSERVATION_STATUS = _table(
    A="amended", B="final", C="corrected", D="entered-in-error", F="final", I="registered", N="final", O="registered",
    P="preliminary", R="preliminary", S="preliminary", U="final", V="final", W="entered-in-error", X="cancelled",
)  # fmt: skip
REPORT_STATUS = _table(
    A="partial", C="corrected", F="final", I="registered", M="preliminary", N="registered", O="registered",
    P="preliminary", R="partial", S="registered", X="cancelled",
)  # fmt: skip
NOT_ON_RECORD = frozenset({"Y", "Z"})  # of table 0123

INTERPRETATIONS = frozenset(
    {
        "<", ">", "A", "AA", "B", "CAR", "D", "DET", "E", "EX", "EXP", "H", "HH", "HU", "I", "IE", "IND", "L", "LL",
        "LU", "N", "NCL", "ND", "NEG", "NR", "NS", "POS", "R", "RR", "S", "SDD", "SYN-R", "SYN-S", "U", "UNE", "W",
        "WR",
    }
)  # fmt: skip

IMAGING = frozenset({"CT", "CUS", "MRI", "NMR", "NMS", "OUS", "RAD", "RUS", "RX", "VUS", "XRC"})  # of table 0074
# measured on the patient, not in a laboratory
CLINICAL = frozenset({"AU", "CTH", "EC", "EN", "NRS", "OT", "PF", "PHR", "PHY", "PT", "RC", "RT"})

CODE_SYSTEMS = MappingProxyType(
    {
        "LN": "http://loinc.org",
        "SCT": "http://snomed.info/sct",
        "SCT2": "http://snomed.info/sct",
        "SNM": "http://snomed.info/sct",
        "SNOMED": "http://snomed.info/sct",
        "UCUM": UCUM,
        "ISO+": "urn:iso:std:iso:2955",
        "ATC": "http://www.whocc.no/atc",
        "NPU": "urn:oid:1.2.752.108.1",
        "NPU-SE": "urn:oid:1.2.752.108.1",
        "I10SE": "urn:oid:1.2.752.116.1.1.1.1.3",
        "ICD-10-SE": "urn:oid:1.2.752.116.1.1.1.1.3",
        "KVA": "urn:oid:1.2.752.116.1.3.2.1.4",
        "KVÅ": "urn:oid:1.2.752.116.1.3.2.1.4",
        "I10": "http://hl7.org/fhir/sid/icd-10",
        "I9": "http://hl7.org/fhir/sid/icd-9-cm",
        "CVX": "http://hl7.org/fhir/sid/cvx",
    }
)


def marital_system(code: str) -> str:
    """Marital status comes from two code systems."""
    name = "v3-NullFlavor" if code in _MARITAL_NULLS else "v3-MaritalStatus"
    return f"http://terminology.hl7.org/CodeSystem/{name}"
