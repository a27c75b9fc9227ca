"""The region's record: the engine's mount at /fhir, where everything is read and only knowledge is written (D4)."""

from collections.abc import Awaitable, Callable

from fhircore.types import TYPES
from fhirserver.engine import Mount
from fhirserver.subscribing.endpoints import Rules
from fhirserver.telling import Teller
from information_platform.log.face import Face
from information_platform.settings import Settings

PATH = "/fhir"
CHANGED = "information.record-changed.v1"


def written_here(type_name: str) -> bool:
    """Knowledge, and subscriptions to what is here: patients' facts come as events, from VIS, Exchange and patients."""
    return TYPES[type_name].kind == "knowledge" or type_name == "Subscription"


def mount(settings: Settings, awaits: Callable[[int], Awaitable[bool]] | None = None) -> Mount:
    """Raises ValueError when the log is off outside a demo region."""
    if not settings.access_log and settings.mode != "demo":
        raise ValueError("FVM_ACCESS_LOG=false is for benchmarks of a demo region; this region is in production")
    return Mount(
        door="region",
        base=settings.public_url + PATH,
        title="FVM information platform: the region's record",
        teller=Teller("fvm/information", None, CHANGED),
        writable=written_here,
        elsewhere="Patients' facts are written at /vis/fhir, or arrive from other systems at /exchange.",
        logged=settings.access_log,
        faces={"AuditEvent": Face(names=settings.log_names)},
        body_limit=settings.body_limit,
        full_text=settings.full_text,
        integrity=settings.referential_integrity,
        most_deleted=settings.conditional_delete_most,
        awaits=awaits,
        hooks=Rules.of(settings.subscription_endpoints, settings.mode, settings.subscription_patience),
    )
