"""Reads the region's record (information platform, /fhir) as the signed-in person, never as a service (D12, D15)."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from application_platform.portal.timeline import Answer, Source
from kit.http import Answer as Reply
from kit.http import Client
from kit.problems import Kind, Problem, Unavailable

Pairs = Sequence[tuple[str, str]]

_FORM = "application/x-www-form-urlencoded"
_DECODER = msgspec.json.Decoder(float_hook=Decimal)  # 5.60 stays 5.60


class SignedOut(Problem):
    """The record does not know the session's token any more."""

    kind = Kind.UNAUTHENTICATED
    code = "application/signed-out"
    title = "The sign-in has ended"


class NotShown(Problem):
    """The patient does not exist, or nothing of this patient may be shown to this reader; which is not told."""

    kind = Kind.NOT_FOUND
    code = "application/patient-not-shown"
    title = "The patient does not exist or may not be shown"


class NotAllowed(Problem):
    """The record refuses this reader; its reason is a code of the legal decision (D10)."""

    kind = Kind.FORBIDDEN
    code = "application/reading-refused"
    title = "The record refuses this reading"


class Record:
    """The record at one base URL. Every method takes the reader's own access token.

    Raises SignedOut, NotShown, NotAllowed, and kit's Unavailable when the information platform is away.
    """

    def __init__(self, client: Client, base: str = "/fhir") -> None:
        self._client = client
        self._base = base

    async def patient(self, token: str, id: str) -> Mapping[str, Any]:
        """The Patient resource."""
        reply = await self._client.send("GET", f"{self._base}/Patient/{quote(id, safe='')}", bearer=token)
        return _read(reply)

    async def search(self, token: str, type: str, pairs: Pairs) -> Mapping[str, Any]:
        """A searchset, asked for by POST: what is searched for never stands in an address."""
        path = f"{self._base}/{type}/_search"
        body = urlencode(pairs).encode()
        return _read(await self._client.send("POST", path, bearer=token, data=body, type=_FORM))

    async def history(self, token: str, type: str, id: str) -> list[Mapping[str, Any]]:
        """Every version of a resource that the reader may see, the newest first."""
        reply = await self._client.send("GET", f"{self._base}/{type}/{quote(id, safe='')}/_history", bearer=token)
        return [entry["resource"] for entry in _read(reply).get("entry", ()) if "resource" in entry]

    async def ask(self, token: str, source: Source, pairs: Pairs) -> Answer:
        """One source of the timeline; a source that is away, or cannot be searched so, is an answer without bundle."""
        try:
            return Answer(source, await self.search(token, source.type, [*pairs, *source.extra]))
        except (Unavailable, NotAllowed, NotShown, Unreadable):
            return Answer(source, None)

    async def ask_all(self, token: str, asked: Sequence[tuple[Source, Pairs]]) -> list[Answer]:
        """All at once, in the order asked."""
        return list(await asyncio.gather(*(self.ask(token, source, pairs) for source, pairs in asked)))

    async def stop(self) -> None:
        await self._client.stop()


class Unreadable(Problem):
    """The record answered something that is not a FHIR answer to what was asked."""

    kind = Kind.UNAVAILABLE
    code = "application/record-unreadable"
    title = "The record's answer could not be read"


def _read(reply: Reply) -> Mapping[str, Any]:
    refusals: dict[int, type[Problem]] = {401: SignedOut, 403: NotAllowed, 404: NotShown, 410: NotShown}
    if reply.status in refusals:
        raise refusals[reply.status]
    if reply.status != 200:
        raise Unreadable(f"The record answered {reply.status}")
    try:
        found = _DECODER.decode(reply.body)
    except msgspec.DecodeError:
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    return found
