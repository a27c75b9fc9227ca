"""All clinical operations of VIS, and what it demands of resources whatever door a write came by, for its mount."""

from fhirserver.brought import Brought, Name, by_name
from fhirserver.guarding import Guard
from vis.care import (
    admitting,
    advising,
    beds,
    booking,
    calendar,
    countersigning,
    free_times,
    locking,
    measuring,
    medicating,
    moving,
    prescribing,
    referring,
    renewals,
    results,
    signing,
    tasks,
    waiting,
)
from vis.care.elsewhere import Elsewhere
from vis.care.places import Places

OPERATIONS: dict[Name, Brought] = by_name(
    [
        *signing.OPERATIONS,
        *countersigning.OPERATIONS,
        *results.OPERATIONS,
        *tasks.OPERATIONS,
        *admitting.OPERATIONS,
        *measuring.OPERATIONS,
        *free_times.OPERATIONS,
        *booking.OPERATIONS,
        *waiting.OPERATIONS,
        *medicating.OPERATIONS,
        *renewals.OPERATIONS,
        *moving.OPERATIONS,
    ]
)


def operations(places: Places, elsewhere: Elsewhere) -> dict[Name, Brought]:
    """All of them; `places` says which units can receive a referral, `elsewhere` what the region's record has of medicines."""
    asking = [*referring.operations(places), *advising.operations(elsewhere), *prescribing.operations(elsewhere)]
    return OPERATIONS | by_name(asking)


GUARDS: dict[str, Guard] = {  # by type
    "DocumentReference": locking.guard,
    "Encounter": beds.one_to_a_bed,
    "MedicationRequest": medicating.guard,
    "Appointment": calendar.appointments,
    "Slot": calendar.slots,
    "ServiceRequest": referring.guard,
}
