"""All clinical operations of VIS, for its mount."""

from fhirserver.brought import Brought, Name, by_name
from vis.care import results, signing, tasks

OPERATIONS: dict[Name, Brought] = by_name([*signing.OPERATIONS, *results.OPERATIONS, *tasks.OPERATIONS])
