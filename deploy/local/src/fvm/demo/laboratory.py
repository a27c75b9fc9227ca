"""The demo's laboratory: an answer as an HL7 v2.5 ORU^R01 message (pure)."""

from datetime import datetime
from uuid import UUID, uuid5

from fhircore.identifiers import SAMORDNINGSNUMMER
from fvm.demo import codes
from fvm.demo.facts import SWEDEN, LabAnswer
from fvm.demo.persons import Person
from fvm.demo.values import judged

APPLICATION, FACILITY = "LABMED", "NORRBY"
_NAMESPACE = UUID("0d9b9c55-3b7e-5f0a-8f39-6f0d5b1f7a21")
_OIDS = {SAMORDNINGSNUMMER: "1.2.752.129.2.1.3.3"}
_PERSONNUMMER = "1.2.752.129.2.1.3.1"


def message(person: Person, answer: LabAnswer, told: datetime) -> str:
    """One order with its results. `told` is when the laboratory says it; the same answer gets the same numbers."""
    taken, said = _stamp(answer.at), _stamp(told)
    number = str(uuid5(_NAMESPACE, f"{person.id}/{taken}"))[:13].replace("-", "").upper()
    segments = [
        f"MSH|^~\\&|{APPLICATION}|{FACILITY}|FVM|REGION|{said}||ORU^R01^ORU_R01|L{number}|P|2.5||||||UNICODE UTF-8",
        _pid(person),
        f"OBR|1||L{number}|BLODPROV^Blodprover^99LAB|||{taken}|||||||||||||||{said}||LAB|F",
    ]
    for nth, (name, value) in enumerate(answer.values.items(), 1):
        segments.append(_obx(nth, codes.LABS[name], value, taken))
    if answer.comment:
        segments.append(f"NTE|1||{answer.comment}")
    return "\r".join(segments) + "\r"


def _pid(person: Person) -> str:
    identifier, name = person.patient["identifier"][0], person.patient["name"][0]
    oid = _OIDS.get(identifier["system"], _PERSONNUMMER)
    sex = "F" if person.sex == "female" else "M"
    return f"PID|1||{identifier['value']}^^^&{oid}&ISO||{name['family']}^{name['given'][0]}||{person.born:%Y%m%d}|{sex}"


def _obx(nth: int, analysis: codes.Analysis, value: float, taken: str) -> str:
    coding = "NPU" if analysis.system == codes.NPU else "LN"
    amount = f"{value:.{analysis.decimals}f}"
    name = f"{analysis.code}^{analysis.name}^{coding}"
    return (
        f"OBX|{nth}|NM|{name}||{amount}|{analysis.unit}^{analysis.unit}^UCUM|{_limits(analysis)}"
        f"|{judged(analysis, value)}|||F|||{taken}"
    )


def _limits(analysis: codes.Analysis) -> str:
    low, high = (None if one is None else f"{one:.{analysis.decimals}f}" for one in (analysis.low, analysis.high))
    if low is not None and high is not None:
        return f"{low}-{high}"
    return f"<{high}" if high is not None else f">{low}" if low is not None else ""


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(SWEDEN):%Y%m%d%H%M%S%z}"
