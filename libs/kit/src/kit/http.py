"""Calls to other services: one pooled client per neighbour, with time limit, bearer and traceparent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from kit.problems import Kind, Problem, Unavailable
from kit.telemetry import current_traceparent


class Declined(Problem):
    """A neighbour understood the call and said no; `status` is its answer."""

    kind = Kind.FAULT
    code = "kit/declined"
    title = "Another part of the system declined the request"

    def __init__(self, detail: str = "", *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: any status below 500 except 429, headers in lower case, the body whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


class Client:
    """Talks to one base URL. Raises Unavailable when it is away, too slow, or answers 429 or 5xx."""

    def __init__(self, base_url: str, timeout: float = 5.0, *, connections: int = 32) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 2.0))
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, *, bearer: str | None = None, params: Mapping[str, str] | None = None) -> Any:
        """The JSON answer; raises Declined on 4xx."""
        return self._expect(await self.send("GET", path, bearer=bearer, params=params))

    async def post(self, path: str, body: Any = None, *, bearer: str | None = None) -> Any:
        """Sends JSON, returns the JSON answer; raises Declined on 4xx."""
        data = msgspec.json.encode(body)
        return self._expect(await self.send("POST", path, bearer=bearer, data=data, type="application/json"))

    async def send(
        self,
        method: str,
        path: str,
        *,
        bearer: str | None = None,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call with raw bytes; the caller reads the status."""
        sent = {**(headers or {}), **_headers(bearer, type)}
        try:
            async with self._open().request(
                method, self.base_url + path, params=params, data=data, headers=sent, allow_redirects=False
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{self.base_url} did not answer ({type_name(error)})") from None
        if response.status >= 500 or response.status == 429:
            raise Unavailable(f"{self.base_url} answered {response.status}")
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        return self._session

    def _expect(self, answer: Answer) -> Any:
        if answer.status >= 300:
            raise Declined(f"{self.base_url} answered {answer.status}", status=answer.status, body=answer.body)
        return answer.json()


def type_name(error: BaseException) -> str:
    return type(error).__name__


def _headers(bearer: str | None, media_type: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if bearer is not None:
        found["Authorization"] = f"Bearer {bearer}"
    if media_type is not None:
        found["Content-Type"] = media_type
    trace = current_traceparent()
    if trace is not None:
        found["traceparent"] = trace
    return found
