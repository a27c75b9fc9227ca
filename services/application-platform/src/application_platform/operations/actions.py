"""Asks the four services, as the operator who looks, how they are; and does what the operator decides about messages."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from application_platform.operations.model import Picture, Seen, picture
from application_platform.operations.troubles import PARTS
from kit.http import Answer, Client, Declined
from kit.problems import Kind, Problem, Unavailable

PATH = "/internal/operations"
PAGE = 50  # messages of one page
_PATIENCE = 2.0  # seconds a service may take
_KEPT = 1.5  # seconds a picture is good enough for everybody who looks
_OWNERS = {"message": "exchange"}  # whose ids begin with another word


class NotThere(Problem):
    """The message is not set aside any more: it was replayed, or never was."""

    kind = Kind.NOT_FOUND
    code = "application/not-set-aside"
    title = "The message is not set aside any more"


class Region:
    """The services' operations, asked with the operator's own token."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._clients = {name: Client(url, _PATIENCE, connections=4) for name, url in urls.items()}
        self._picture: Picture | None = None
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def stop(self) -> None:
        for client in self._clients.values():
            await client.stop()

    async def picture(self, token: str) -> Picture:
        """How everything is; the same for all who ask within a moment (each is let in by the page itself)."""
        async with self._looking:
            if self._picture is None or time.monotonic() >= self._until:
                found = await asyncio.gather(*(self._seen(name, token) for name in PARTS))
                self._picture = picture(dict(zip(PARTS, found, strict=True)))
                self._until = time.monotonic() + _KEPT
            return self._picture

    async def parked(self, token: str, code: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
        """Messages set aside everywhere, newest first; and which parts did not answer."""
        query = {"code": code} if code else {}
        found = await asyncio.gather(
            *(self._ask(name, "/parked", token, query) for name in PARTS), return_exceptions=True
        )
        messages: list[dict[str, Any]] = []
        silent = []
        for name, answer in zip(PARTS, found, strict=True):
            if isinstance(answer, Problem):
                silent.append(name)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                messages += answer["messages"]
        return sorted(messages, key=lambda one: str(one["at"]), reverse=True), silent

    async def warned(self, token: str, before: int | None) -> list[dict[str, Any]]:
        """Messages that Exchange took with a warning to their sender, newest first; `before` an id, for the next page."""
        query = {"state": "warned", "count": str(PAGE)} | ({"before": str(before)} if before else {})
        answer = await self._clients["exchange"].send("GET", "/exchange/messages", bearer=token, params=query)
        found: list[dict[str, Any]] = _read(answer)
        return found

    async def message(self, token: str, id: str, reason: str = "") -> dict[str, Any]:
        """One message; its content too where a reason is given, which is written down. Raises NotThere."""
        found: dict[str, Any] = await self._ask(
            _owner(id), f"/parked/{quote(id)}", token, {"reason": reason} if reason else {}
        )
        return found

    async def replay(self, token: str, wanted: Mapping[str, Any], *, dry: bool) -> int:
        """How many would be (dry) or were replayed: {"ids": […]} or {"code": …}."""
        names = sorted({_owner(id) for id in wanted["ids"]}) if "ids" in wanted else list(PARTS)
        body = {**wanted, "dry_run": dry, "reason": "operator's page"}
        answers = await asyncio.gather(*(self._tell(name, "/parked/replay", token, body) for name in names))
        self._until = 0.0
        return sum(answer["count" if dry else "replayed"] for answer in answers)

    async def give_up(self, token: str, id: str, reason: str) -> None:
        """Nobody's work any more; it stays. Raises NotThere."""
        await self._tell(_owner(id), f"/parked/{quote(id)}/give-up", token, {"reason": reason})
        self._until = 0.0

    async def _seen(self, name: str, token: str) -> Seen:
        try:
            told = await self._clients[name].get(f"{PATH}/now", bearer=token)
        except (Unavailable, Declined):
            return Seen()
        return Seen(told["checks"], told["lag"])

    async def _ask(self, name: str, path: str, token: str, query: Mapping[str, str]) -> Any:
        return _read(await self._clients[name].send("GET", PATH + path, bearer=token, params=query or None))

    async def _tell(self, name: str, path: str, token: str, body: Mapping[str, Any]) -> Any:
        data = msgspec.json.encode(body)
        client = self._clients[name]
        return _read(await client.send("POST", PATH + path, bearer=token, data=data, type="application/json"))


def _read(answer: Answer) -> Any:
    if answer.status == 404:
        raise NotThere
    if answer.status >= 300:
        raise Unavailable(f"A part of the region answered {answer.status}")
    return answer.json()


def _owner(id: str) -> str:
    """The service that has a message: the first word of its id. Raises NotThere."""
    word = id.partition("-")[0]
    name = _OWNERS.get(word, word)
    if name not in PARTS:
        raise NotThere
    return name
