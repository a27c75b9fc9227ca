"""Profiles: StructureDefinitions compiled once into checks of resources (http://hl7.org/fhir/R4/profiling.html).

What R4 itself says of every resource is `fhircore.validate`'s work; here is only what a profile adds. `Profiles` is the
door: give it definitions, ask it what is wrong with a resource. Where definitions come from is a `ProfileSource`.
"""

from fhircore.profiles.definition import Unusable
from fhircore.profiles.library import KEPT, ProfileSource
from fhircore.profiles.packaged import packaged
from fhircore.profiles.registry import Profiles, claimed

__all__ = ["KEPT", "ProfileSource", "Profiles", "Unusable", "claimed", "packaged"]
