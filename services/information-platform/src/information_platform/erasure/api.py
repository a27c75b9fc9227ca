"""The doors: ask, confirm, withdraw, list and follow; for operators, how far orders have come (never whose)."""

from uuid import UUID

from fastapi import APIRouter

from information_platform.erasure.actions import Orders
from information_platform.erasure.model import OrderIn, OrderOut
from kit.web import SignedIn


def router(orders: Orders) -> APIRouter:
    """`/information/erasure/orders`."""
    made = APIRouter(prefix="/information/erasure/orders", tags=["erasure"])

    @made.post("", status_code=201)
    async def ask(body: OrderIn, caller: SignedIn) -> OrderOut:
        """By decision of IVO (PDL 8 kap. 4 §): nothing is destroyed before somebody else has confirmed it."""
        return await orders.ask(caller, body)

    @made.get("")
    async def listed(caller: SignedIn) -> list[OrderOut]:
        """The care provider's orders, newest first."""
        return await orders.listed(caller)

    @made.get("/{id}")
    async def shown(id: UUID, caller: SignedIn) -> OrderOut:
        """One order: what became of it at each copy, and the proof."""
        return await orders.shown(caller, id)

    @made.post("/{id}/confirm")
    async def confirm(id: UUID, caller: SignedIn) -> OrderOut:
        """By another person than who asked; it cannot be undone."""
        return await orders.confirm(caller, id)

    @made.post("/{id}/withdraw")
    async def withdraw(id: UUID, caller: SignedIn) -> OrderOut:
        """While it is not confirmed."""
        return await orders.withdraw(caller, id)

    return made
