"""The facts of the law as one part of the service: its doors, what it hears, its heartbeat, and its way to VIS."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from fhirserver.engine import Engine
from information_platform.access import api, handlers, internal
from information_platform.access.actions import FactsOwner, Vis
from information_platform.access.beating import Heart
from information_platform.settings import Settings
from kit.http import Client
from kit.inbox import Handler
from kit.outbox import Relay
from kit.own_token import OwnToken

_PATIENCE = 1.0  # seconds that VIS may take to follow; after that the event brings it

Hook = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mounted:
    """For the composition root."""

    routers: Sequence[APIRouter]
    handlers: Mapping[str, Handler]
    loops: Sequence[Hook]
    stops: Sequence[Hook]


def mounted(engine: Engine, settings: Settings, relay: Relay) -> Mounted:
    """Built before the engine starts."""
    office, ward = Client(settings.application_url, _PATIENCE), Client(settings.vis_url, _PATIENCE)
    law = FactsOwner(engine, Vis(ward, OwnToken(office, "information", settings.data)))
    return Mounted(
        routers=[api.router(law, settings.outer_block_lift), internal.router(law)],
        handlers=handlers.handlers(law),
        loops=[Heart(engine.db, settings, relay).run],
        stops=[office.stop, ward.stop],
    )
