"""Destruction by order as one part of the service: its doors, what it hears, and the loop that carries orders out here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from fhirserver import erasing
from fhirserver.engine import Engine
from information_platform.access.actions import FactsOwner
from information_platform.erasure import api, own
from information_platform.erasure.actions import Orders
from kit.db import driver
from kit.erasing import Eraser, read_proof
from kit.events import CloudEvent
from kit.inbox import Handler
from kit.operations import Operations, answer
from kit.sealed_events import Opening

SERVICE = "information"
ANSWERS = ("vis.erasure-done.v1", "exchange.erasure-done.v1", "application.erasure-done.v1")
Hook = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mounted:
    """For the composition root."""

    orders: Orders
    router: APIRouter
    handlers: Mapping[str, Handler]
    loop: Hook
    before_serving: Hook


async def _as_they_are(_topic: str, events: Sequence[CloudEvent]) -> Sequence[CloudEvent]:
    """Where nothing that is heard is sealed."""
    return events


def mounted(engine: Engine, operations: Operations, opening: Opening = _as_they_are) -> Mounted:
    """Built before the engine starts. `opening`: of what waits here, as its makers sealed it."""
    orders = Orders(engine)
    eraser = Eraser(
        engine.db,
        SERVICE,
        partial(own.destroy, engine, FactsOwner(engine), opening),
        partial(erasing.owners_of, engine),
        lambda: engine.codec.ring,
        orders.done_here,
        engine.wake,
    )
    orders.wake = eraser.wake

    async def told() -> Response:
        """What operators see of orders."""
        return answer(await orders.for_operators())

    operations.router.add_api_route("/erasures", told)
    return Mounted(orders, api.router(orders), handlers(orders), eraser.run, eraser.before_serving)


def handlers(orders: Orders) -> dict[str, Handler]:
    """By topic: the answers of the other copies."""

    async def heard(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        con = await driver(tx)
        for event in events:
            await orders.answered(con, read_proof(event.data))

    return dict.fromkeys(ANSWERS, heard)
