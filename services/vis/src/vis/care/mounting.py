"""All clinical operations of VIS, and what it demands of resources whatever door a write came by, for its mount."""

from fhirserver.brought import Brought, Name, by_name
from fhirserver.guarding import Guard
from vis.care import results, signing, tasks

OPERATIONS: dict[Name, Brought] = by_name([*signing.OPERATIONS, *results.OPERATIONS, *tasks.OPERATIONS])

GUARDS: dict[str, Guard] = {}  # by type
