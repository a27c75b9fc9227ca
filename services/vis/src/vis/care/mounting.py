"""All clinical operations of VIS, and what it demands of resources whatever door a write came by, for its mount."""

from fhirserver.brought import Brought, Name, by_name
from fhirserver.guarding import Guard
from vis.care import admitting, beds, countersigning, locking, measuring, results, signing, tasks

OPERATIONS: dict[Name, Brought] = by_name(
    [*signing.OPERATIONS, *countersigning.OPERATIONS, *results.OPERATIONS, *tasks.OPERATIONS]
    + [*admitting.OPERATIONS, *measuring.OPERATIONS]
)

GUARDS: dict[str, Guard] = {"DocumentReference": locking.guard, "Encounter": beds.one_to_a_bed}  # by type
