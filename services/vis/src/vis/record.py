"""VIS's mount of the FHIR engine: where patients' facts are written (architecture D4)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fhircore.types import TYPES
from fhirserver.engine import Mount
from fhirserver.integrity import Elsewhere
from fhirserver.subscribing.endpoints import Rules
from fhirserver.telling import Teller
from vis.care import elsewhere
from vis.care.mounting import GUARDS, operations
from vis.care.places import Places, nowhere
from vis.settings import Settings

NewPatientId = Callable[[Mapping[str, Any]], Awaitable[str | None]]

PATH = "/vis/fhir"
RECORD, CHANGED = "vis.record.v1", "vis.changed.v1"


def written_here(type_name: str) -> bool:
    """Patients' facts and the registers; knowledge resources are written at the region's record."""
    return TYPES[type_name].door in ("vis", "both")


def mount(
    settings: Settings,
    new_patient_id: NewPatientId | None = None,
    held_elsewhere: Elsewhere | None = None,
    places: Places = nowhere,
    medicines: elsewhere.Elsewhere = elsewhere.alone,
) -> Mount:
    """Raises ValueError when the log is off outside a demo region."""
    if not settings.access_log and settings.mode != "demo":
        raise ValueError("FVM_ACCESS_LOG=false is for benchmarks of a demo region; this region is in production")
    named: dict[str, Any] = {} if new_patient_id is None else {"new_patient_id": new_patient_id}
    return Mount(
        door="vis",
        base=settings.public_url + PATH,
        title="FVM VIS: the work in care",
        teller=Teller("fvm/vis", RECORD, CHANGED),
        writable=written_here,
        elsewhere="Knowledge resources are written at /fhir.",
        logged=settings.access_log,
        body_limit=settings.body_limit,
        full_text=settings.full_text,
        integrity=settings.referential_integrity,
        held_elsewhere=held_elsewhere,
        most_deleted=settings.conditional_delete_most,
        operations=operations(places, medicines),
        guards=GUARDS,
        hooks=Rules.of(settings.subscription_endpoints, settings.mode, settings.subscription_patience),
        **named,
    )
