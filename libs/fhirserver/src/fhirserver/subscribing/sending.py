"""One call to an endpoint: no redirects, no cookies, names guarded, a limit of time; what went wrong in words without secrets."""

from collections.abc import Mapping

import aiohttp

from fhirserver.subscribing.endpoints import GuardedResolver
from fhirserver.subscribing.notifying import Call


class Sender:
    """Calls endpoints. One per process."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call, headers: Mapping[str, str], seconds: int) -> str:
        """ "" when the endpoint took it (2xx), else why not."""
        sent = {**headers, "Content-Type": call.content_type.decode()} if call.body else dict(headers)
        limit = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, 5))
        try:
            async with self._open().request(
                call.method, call.url, data=call.body, headers=sent, timeout=limit, allow_redirects=False
            ) as response:
                return "" if 200 <= response.status < 300 else f"The endpoint answered {response.status}"
        except TimeoutError:
            return f"The endpoint did not answer in {seconds} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"The endpoint cannot be reached ({type(error).__name__})"

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=GuardedResolver(), limit=64, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session
