"""Which patient has a personnummer: asked of the information platform, which owns the region's persons (D1)."""

from dataclasses import dataclass
from pathlib import Path

from kit.http import Client
from kit.own_token import OwnToken

_PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"


@dataclass(frozen=True, slots=True)
class Persons:
    """Asks as this service; `find` is put on `app.state.find_patient`."""

    region: Client
    issuer: Client
    own: OwnToken

    @classmethod
    def at(cls, region_url: str, issuer_url: str, data: Path | None) -> "Persons":
        issuer = Client(issuer_url)
        return cls(Client(region_url), issuer, OwnToken(issuer, "application", data))

    async def find(self, personnummer: str) -> str | None:
        """The Patient id of twelve digits, or None. Raises Unavailable, and Declined when the token is refused."""
        asked = {"identifiers": [{"system": _PERSONNUMMER, "value": personnummer}]}
        answer = await self.region.post("/internal/persons/find", asked, bearer=await self.own.token())
        found: str | None = answer["patient"]
        return found

    async def stop(self) -> None:
        await self.region.stop()
        await self.issuer.stop()
