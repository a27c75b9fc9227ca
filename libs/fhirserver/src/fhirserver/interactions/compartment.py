"""search in the compartment of a patient: Patient/x/Observation, Patient/x/* (http://hl7.org/fhir/R4/http.html#vsearch)."""

from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import NotFound
from fhirserver.search.answering import answer
from fhirserver.search.asked import of_type, of_types


async def search_compartment(engine: Engine, request: Request, patient: str, type_name: str) -> Answer:
    """200 with a searchset of what is about this patient or concerns them in another way; empty for a patient that is not
    there or may not be known of, which are the same to whoever asks."""
    within = [name for name, kind in TYPES.items() if (kind.patient or name == "Patient") and kind.door != "none"]
    if type_name == "*":
        asked = of_types(request, f"Patient/{patient}/*", within)
    elif type_name in within:
        asked = of_type(request, type_name)
        asked.address = f"Patient/{patient}/{type_name}"
    else:
        raise NotFound(f"{type_name[:60]} is not part of a patient's compartment", at="resourceType")
    asked.compartment = engine.patient_keys(patient)
    return await answer(engine, request, asked)
