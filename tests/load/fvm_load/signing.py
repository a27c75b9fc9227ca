"""Signing in as a demo person the way a browser does, and listening to the portal's news."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

import msgspec

from fvm_load import client
from fvm_load.client import Answer, Base

_CSRF = re.compile(rb'name="csrf" value="([^"]+)"')
_FORM = "application/x-www-form-urlencoded"


class NoSignIn(Exception):
    """Development sign-in is not to be had; says why."""


async def sign_in(base: Base, person: str) -> str:
    """The Cookie header of a session. `person` is an id of a demo person with one commission. Raises NoSignIn."""
    ours = await origin(base)
    page = await client.ask(base, base.request("GET", "/auth/sign-in", headers={"Accept": "text/html"}))
    token = _CSRF.search(page.body)
    if page.status != 200 or token is None:
        raise NoSignIn(f"the sign-in page was answered {page.status}")
    form = urlencode({"person": person, "csrf": token[1].decode()}).encode()
    headers = {"Content-Type": _FORM, "Origin": ours, "Cookie": _cookies(page)}
    done = await client.ask(base, base.request("POST", "/auth/sign-in", body=form, headers=headers))
    if done.status != 303:
        raise NoSignIn(f"signing in was answered {done.status}")
    return _cookies(done)


async def origin(base: Base) -> str:
    """What the region calls itself: forms must come from there."""
    answer = await client.ask(base, base.request("GET", "/.well-known/openid-configuration"))
    if answer.status != 200:
        raise NoSignIn(f"discovery was answered {answer.status}")
    parts = urlsplit(answer.json()["issuer"])
    return f"{parts.scheme}://{parts.netloc}"


def _cookies(answer: Answer) -> str:
    """Set-Cookie headers as a Cookie header, without those that are taken away."""
    kept = []
    for value in answer.headers("set-cookie"):
        for name, morsel in SimpleCookie(value).items():
            if morsel.value and morsel["max-age"] != "0":
                kept.append(f"{name}={morsel.value}")
    return "; ".join(kept)


class News:
    """The stream of notices about some patients. `next_for` gives the moment of the next notice about one of them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, base: Base, cookie: str, patients: Sequence[str]) -> "News":
        """Raises NoSignIn when the stream is not given, or not about all these patients."""
        query = urlencode([("patient", one) for one in patients])
        reader, writer = await asyncio.open_connection(base.host, base.port)
        headers = {"Cookie": cookie, "Accept": "text/event-stream"}
        writer.write(base.request("GET", f"/portal/events?{query}", headers=headers))
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 200 " not in head.split(b"\r\n", 1)[0]:
                    raise NoSignIn(f"the news were answered {head[9:12].decode()}")
                admitted = await _ready(reader)
        except (TimeoutError, asyncio.IncompleteReadError) as silent:
            raise NoSignIn("the portal's news stay silent") from silent
        if missing := set(patients) - admitted:
            raise NoSignIn(f"the person may not watch {len(missing)} of {len(patients)} patients")
        return cls(reader, writer)

    def next_for(self, patient: str) -> "asyncio.Future[float]":
        """The loop's time when the next notice about this patient comes."""
        self._waiting[patient] = asyncio.get_running_loop().create_future()
        return self._waiting[patient]

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while line := await self._reader.readline():
            if line.startswith(b"data: "):
                told = msgspec.json.decode(line[6:])
                future = self._waiting.pop(told.get("patient", ""), None)
                if future is not None and not future.done():
                    future.set_result(loop.time())


async def _ready(reader: asyncio.StreamReader) -> set[str]:
    """The patients named by the stream's first event."""
    while line := await reader.readline():
        if line.startswith(b"data: "):
            return set(msgspec.json.decode(line[6:]).get("patients", ()))
    return set()
