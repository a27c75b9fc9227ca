"""Reads the region's record (information platform, /fhir) as the signed-in person, never as a service (D12, D15)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from application_platform.portal.timeline import Answer, Source
from kit.http import Answer as Reply
from kit.http import Client
from kit.problems import Kind, Problem, Unavailable

Pairs = Sequence[tuple[str, str]]

_FORM = "application/x-www-form-urlencoded"
_PART = 500  # resources of one page of a whole record
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


class Piece(msgspec.Struct):
    """One entry of a Bundle; the resource is kept as it came, digit by digit."""

    resource: msgspec.Raw = msgspec.Raw(b"{}")
    fullUrl: str = ""  # noqa: N815 - FHIR's name


class _Link(msgspec.Struct):
    relation: str
    url: str


class _Pieces(msgspec.Struct):
    entry: list[Piece] = []
    link: list[_Link] = []


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a whole record. `cursor` continues it, "" at the end."""

    pieces: list[Piece]
    cursor: str


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

    async def search(self, token: str, type: str, pairs: Pairs, position: str = "") -> Mapping[str, Any]:
        """A searchset, asked for by POST: what is searched for never stands in an address. What was written at `position` of
        VIS is waited for, a second at most (D6)."""
        path, more = f"{self._base}/{type}/_search", {"FVM-Position": position} if position.isdecimal() else {}
        body = urlencode(pairs).encode()
        return _read(await self._client.send("POST", path, bearer=token, data=body, type=_FORM, headers=more))

    async def history(self, token: str, type: str, id: str) -> list[Mapping[str, Any]]:
        """Every version of a resource that the reader may see, the newest first."""
        reply = await self._client.send("GET", f"{self._base}/{type}/{quote(id, safe='')}/_history", bearer=token)
        return [entry["resource"] for entry in _read(reply).get("entry", ()) if "resource" in entry]

    async def everything(self, token: str, patient: str, cursor: str = "") -> "Part":
        """A page of all that the reader may see of the patient; the first without `cursor`."""
        query = urlencode({"_count": str(_PART), **({"_cursor": cursor} if cursor else {})})
        address = f"{self._base}/Patient/{quote(patient, safe='')}/$everything?{query}"
        return _part(await self._client.send("GET", address, bearer=token))

    async def count(self, token: str, type: str, pairs: Pairs) -> int:
        """How many there are, without reading one of them: nobody's record is opened."""
        found = await self.search(token, type, [*pairs, ("_summary", "count")])
        if not isinstance(found.get("total"), int):
            raise Unreadable
        return int(found["total"])

    async def ask(self, token: str, source: Source, pairs: Pairs, position: str = "") -> Answer:
        """One source of the timeline; a source that is away, or cannot be searched so, is an answer without bundle."""
        try:
            return Answer(source, await self.search(token, source.type, [*pairs, *source.extra], position))
        except (Unavailable, NotAllowed, NotShown, Unreadable):
            return Answer(source, None)

    async def ask_all(self, token: str, asked: Sequence[tuple[Source, Pairs]], position: str = "") -> list[Answer]:
        """All at once, in the order asked."""
        return list(await asyncio.gather(*(self.ask(token, source, pairs, position) for source, pairs in asked)))

    async def stop(self) -> None:
        await self._client.stop()


class Unreadable(Problem):
    """The record answered something that is not a FHIR answer to what was asked."""

    kind = Kind.UNAVAILABLE
    code = "application/record-unreadable"
    title = "The record's answer could not be read"


def _refused(reply: Reply) -> None:
    refusals: dict[int, type[Problem]] = {401: SignedOut, 403: NotAllowed, 404: NotShown, 410: NotShown}
    if reply.status in refusals:
        raise refusals[reply.status]
    if reply.status != 200:
        raise Unreadable(f"The record answered {reply.status}")


def _read(reply: Reply) -> Mapping[str, Any]:
    _refused(reply)
    try:
        found = _DECODER.decode(reply.body)
    except msgspec.DecodeError:
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    return found


def _part(reply: Reply) -> Part:
    _refused(reply)
    try:
        found = msgspec.json.decode(reply.body, type=_Pieces)
    except msgspec.DecodeError:
        raise Unreadable from None
    following = next((one.url for one in found.link if one.relation == "next"), "")
    return Part(found.entry, parse_qs(urlsplit(following).query).get("_cursor", [""])[0])
