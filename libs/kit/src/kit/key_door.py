"""Where a maker of keys gives them to the services of the region that read what it tells (architecture D8)."""

import base64
from collections.abc import Callable, Collection

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from kit.keyring import Keyring
from kit.problems import Kind, Problem
from kit.sealed_events import DOOR, MOST
from kit.web import SignedIn


class KeysNotForYou(Problem):
    """Keys are given to the region's own services that read what is sealed with them, to nobody else."""

    kind = Kind.FORBIDDEN
    code = "kit/keys-not-for-you"
    title = "Only services of the region that read these events are given their keys"


class Wanted(BaseModel):
    """Ids of keys, as text: they are larger than JavaScript's numbers."""

    keys: list[str] = Field(max_length=MOST)


class Given(BaseModel):
    """Keys in base64 by id, and which of them have been destroyed; an id that is in neither was never made here."""

    keys: dict[str, str]
    destroyed: list[str]


def router(ring: Callable[[], Keyring | None], readers: Collection[str]) -> APIRouter:
    """`POST /internal/keys` for these clients. The gateway does not lead here."""
    made = APIRouter(tags=["keys"])

    @made.post(DOOR)
    async def keys(wanted: Wanted, caller: SignedIn, response: Response) -> Given:
        """Read from the database each time: what is destroyed there is given to nobody from then on."""
        if caller.kind != "system" or caller.client not in readers:
            raise KeysNotForYou
        response.headers["Cache-Control"] = "no-store"
        ids = [int(one) for one in wanted.keys if one.isascii() and one.isdecimal() and len(one) < 20]
        here = ring()
        found = {} if here is None else await here.given(ids)
        return Given(
            keys={str(id): base64.b64encode(key.raw).decode() for id, key in found.items() if key is not None},
            destroyed=[str(id) for id, key in found.items() if key is None],
        )

    return made
