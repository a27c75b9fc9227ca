"""What is asked at the same time is done together: reads, single creates and log rows share statements and commits (D7)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_MOST = 64  # wishes of one flight
_IN_FLIGHT = 2  # flights at once, of one process

Wish = TypeVar("Wish")


class Flights(Generic[Wish]):
    """`carry` is given what came together; it settles each wish and raises nothing. `at_once`: with one flight at a time more
    comes together, with two the next one is in the air while this one is read."""

    def __init__(self, carry: Callable[[list[Wish]], Awaitable[None]], at_once: int = _IN_FLIGHT) -> None:
        self._carry = carry
        self._at_once = at_once
        self._waiting: deque[Wish] = deque()
        self._flying = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    def add(self, wish: Wish) -> None:
        """Goes with the next flight, at once when one may start."""
        self._waiting.append(wish)
        if self._flying < self._at_once:
            self._flying += 1
            flight = asyncio.get_running_loop().create_task(self._fly())
            self._tasks.add(flight)
            flight.add_done_callback(self._tasks.discard)

    async def _fly(self) -> None:
        """Counted down here and not when the task is seen to be done: a wish that comes between would wait for nobody."""
        try:
            while self._waiting:
                await self._carry([self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))])
        finally:
            self._flying -= 1
