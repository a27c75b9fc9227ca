"""For tests: hands events to the region's record, as its inbox would. Nothing that ships imports it."""

from fhirserver.engine import Engine
from information_platform.ingestion.handlers import handlers
from kit.events import CloudEvent


class Region:
    """Hands events to the region's record, as its inbox would."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._handlers = handlers(engine)

    async def hears(self, topic: str, *events: CloudEvent) -> None:
        async with self._engine.db.transaction() as tx:
            await self._handlers[topic](tx, events)
