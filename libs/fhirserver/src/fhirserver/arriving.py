"""The header FVM-Position of a request: what a writer told elsewhere is waited for before it is read here (D6)."""

from collections.abc import Awaitable, Callable

from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid

POSITION = b"fvm-position"
Awaits = Callable[[int], Awaitable[bool]]


async def arrived(awaits: Awaits | None, request: Request) -> bytes | None:
    """The position as the answer repeats it; None when no reader asks for it, or it is not known to be here.

    `awaits` is the mount's; a door without one reads what it wrote itself, so every position of its own is there.
    """
    asked = request.headers.get(POSITION)
    if asked is None or not (request.method == "GET" or request.path[-1:] == ("_search",)):
        return None
    if not asked.isdigit() or len(asked) > 18:
        raise Invalid("FVM-Position is the number that a write was answered with", at="FVM-Position")
    return asked if awaits is None or await awaits(int(asked)) else None


def repeated(answer: Answer, position: bytes | None) -> Answer:
    """The answer, saying that what was waited for is in it."""
    if position is not None:
        answer.headers = [*answer.headers, (POSITION, position)]
    return answer
