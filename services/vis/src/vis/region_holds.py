"""Which references the region's record holds that VIS does not (D18): asked in one call, remembered for a minute."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

import structlog

from kit.http import Client, Declined
from kit.own_token import OwnToken
from kit.problems import Unavailable
from kit.telemetry import describe

_KEPT = 60.0  # seconds
_MOST = 10_000
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RegionHolds:
    """Asks the information platform as VIS."""

    region: Client
    own: OwnToken
    _known: dict[str, float] = field(default_factory=dict)

    async def which(self, references: Collection[str]) -> set[str] | None:
        """Those of `Type/id` that the region holds; None when it cannot answer."""
        now = time.monotonic()
        held = {one for one in references if self._known.get(one, 0.0) > now}
        asked = [one for one in references if one not in held]
        if not asked:
            return held
        try:
            told = await self.region.post(
                "/internal/records/exists", {"references": asked}, bearer=await self.own.token()
            )
        except (Unavailable, Declined) as error:
            log.warning("the region could not say what it holds", error=describe(error))
            return None
        if len(self._known) > _MOST:
            self._known.clear()
        self._known |= dict.fromkeys(told["held"], now + _KEPT)
        return held | set(told["held"])
