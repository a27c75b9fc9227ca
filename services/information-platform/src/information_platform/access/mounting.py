"""The facts of the law as one part of the service: its doors, what it hears, its heartbeat, and its way to VIS."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from fhirserver.engine import Engine
from information_platform.access import api, handlers, internal, looking
from information_platform.access.actions import FactsOwner, Vis
from information_platform.access.beating import Heart
from information_platform.requests import api as requests
from information_platform.settings import Settings
from kit.inbox import Handler
from kit.outbox import Relay

Hook = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mounted:
    """For the composition root."""

    routers: Sequence[APIRouter]
    handlers: Mapping[str, Handler]
    loops: Sequence[Hook]


def mounted(engine: Engine, settings: Settings, relay: Relay, vis: Vis) -> Mounted:
    """Built before the engine starts."""
    law = FactsOwner(engine, vis)
    return Mounted(
        routers=[
            api.router(law, settings.outer_block_lift),
            looking.router(law),
            internal.router(law),
            requests.router(law),
        ],
        handlers=handlers.handlers(law),
        loops=[Heart(engine.db, settings, relay).run],
    )
