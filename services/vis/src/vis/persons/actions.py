"""Before VIS makes a new Patient: is this somebody it has already, or somebody the region knows (D1)?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from fhircore.identifiers import Identifier, NotAnIdentifier, canonical, is_person_system
from fhirserver.engine import Engine
from kit.http import Client, Declined
from kit.own_token import OwnToken
from kit.problems import Kind, Problem, Unavailable
from kit.telemetry import describe

log = structlog.get_logger(__name__)


class Duplicate(Problem):
    """VIS has a Patient with this personnummer (or other person identifier) already."""

    kind = Kind.CONFLICT
    code = "vis/duplicate-patient"
    title = "This person is in VIS already"


@dataclass(slots=True)
class NewPatients:
    """Gives a new Patient its id. `engine` is set when the engine has started."""

    region: Client
    own: OwnToken
    engine: Engine = field(init=False)

    async def id_for(self, patient: Mapping[str, Any]) -> str | None:
        """The region's id of this person; None when it is nobody known, or the region cannot answer (a merge later).

        Raises Duplicate, naming the Patient, when VIS has this person.
        """
        identifiers = person_identifiers(patient)
        if not identifiers:
            return None
        await self._refuse_duplicate(identifiers)
        try:
            asked = {"identifiers": [{"system": one.system, "value": one.value} for one in identifiers]}
            answer = await self.region.post("/internal/persons/find", asked, bearer=await self.own.token())
        except (Unavailable, Declined) as error:
            log.warning("the region could not say who a new patient is", error=describe(error))
            return None
        known: str | None = answer["patient"]
        return known

    async def _refuse_duplicate(self, identifiers: Sequence[Identifier]) -> None:
        hashes = [self.engine.keys.token(f"Patient.identifier|{one.system}|{one.value}") for one in identifiers]
        found = await self.engine.db.pool.fetchval(
            "select r.id from idt i join res r using (key) where i.h = any($1::bigint[]) limit 1", hashes
        )
        if found is not None:
            raise Duplicate(
                f"This person is Patient/{found} already; use If-None-Exist to be given it", at="Patient.identifier"
            )


def person_identifiers(patient: Mapping[str, Any]) -> list[Identifier]:
    """The identifiers that say who a person is, canonical; values that break their rules say nothing."""
    found = []
    for one in patient.get("identifier", ()):
        system, value = one.get("system", ""), one.get("value", "")
        if not is_person_system(system) or one.get("use") == "old":
            continue
        try:
            found.append(canonical(system, value))
        except NotAnIdentifier:
            continue
    return found
