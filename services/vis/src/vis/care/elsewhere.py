"""What the region's record shows a prescriber of medicines and allergies: asked with the prescriber's own token (D12)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from fhirserver.messages import Request
from kit.auth import bearer
from kit.http import Client
from kit.problems import Problem

Resource = dict[str, Any]
MOST = 500  # of each, that one check reads
# Type, and which of them may matter to a new prescription.
ASKED = (
    ("MedicationRequest", "active,on-hold"),
    ("MedicationStatement", "active,intended,on-hold"),
    ("AllergyIntolerance", ""),
)
Found = tuple[list[Resource], bool]  # what was found, and whether the law hides something of the patient
# Of each of ASKED in its order; None where it could not be read whole.
Elsewhere = Callable[[Request, str], Awaitable[list[Found | None] | None]]


async def alone(_request: Request, _patient: str) -> None:
    """Where VIS is the whole region."""
    return


@dataclass(frozen=True, slots=True)
class Record:
    """The information platform's `/fhir`, where the law is applied and each look is logged."""

    region: Client

    async def asked(self, request: Request, patient: str) -> list[Found | None] | None:
        """All at once; what is away is None."""
        token = bearer((request.headers.get(b"authorization") or b"").decode("latin-1"))
        return list(await asyncio.gather(*(self._ask(token, patient, type, status) for type, status in ASKED)))

    async def _ask(self, token: str, patient: str, type: str, status: str) -> Found | None:
        pairs = [("patient", f"Patient/{patient}"), ("_count", str(MOST)), *([("status", status)] if status else [])]
        form = "application/x-www-form-urlencoded"
        try:
            reply = await self.region.send(
                "POST", f"/fhir/{type}/_search", bearer=token, data=urlencode(pairs).encode(), type=form
            )
            return whole(reply.json()) if reply.status == 200 else None
        except (Problem, msgspec.DecodeError):
            return None


def query(patient: str, status: str) -> str:
    """The same search as the address of one."""
    return urlencode(
        [("patient", f"Patient/{patient}"), *([("status", status)] if status else []), ("_count", str(MOST))]
    )


def whole(bundle: Any) -> Found | None:
    """The matches of a searchset; None where there are more than were read."""
    if any(one.get("relation") == "next" for one in bundle.get("link", ())):
        return None
    entries = bundle.get("entry", ())
    hidden = any(one.get("search", {}).get("mode") == "outcome" for one in entries)
    return [one["resource"] for one in entries if one.get("search", {}).get("mode") == "match"], hidden
