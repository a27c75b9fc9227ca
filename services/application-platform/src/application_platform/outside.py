"""Calls to addresses outside the region that somebody registered: clients' keys, other issuers; one call, no redirects."""

from collections.abc import Mapping

from kit.http import Answer, Client


async def call(method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer, whatever its status below 500. Raises kit's Unavailable when the address is away."""
    source = Client(url, timeout=3.0, connections=1)
    try:
        return await source.send(method, "", data=data, headers=headers)
    finally:
        await source.stop()
