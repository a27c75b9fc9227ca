"""Units that can receive a referral: those where somebody has a commission, as the application platform knows them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kit.http import Client

_KEPT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Place:
    """A unit with its care provider, by HSA-id and name."""

    unit: str
    name: str
    provider: str
    provider_name: str


Places = Callable[[], Awaitable[Mapping[str, Place]]]  # by the unit's HSA-id


async def nowhere() -> Mapping[str, Place]:
    """Where no region is: nobody can receive."""
    return {}


@dataclass(slots=True)
class Directory:
    """Asks the application platform; what it says is remembered for a minute. Raises Unavailable when it is away."""

    office: Client
    _known: dict[str, Place] = field(default_factory=dict)
    _until: float = 0.0

    async def all(self) -> Mapping[str, Place]:
        if time.monotonic() >= self._until:
            told = await self.office.get("/internal/units")
            self._known = {one["unit"]: Place(**one) for one in told}
            self._until = time.monotonic() + _KEPT
        return self._known
