"""The public keys of clients that sign: given with the registration, or read from the address that was registered.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
"""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from application_platform import outside
from application_platform.tokens.clients import Client
from application_platform.tokens.oauth import invalid_client

_UNSAID = 60.0  # seconds a set is kept whose address does not say how long
_AT_MOST = 3600.0
_LOOK_AGAIN = 5.0  # seconds after which an unknown `kid` makes us look again: the client may have changed its keys
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_safe_address(url: str, *, demo: bool) -> bool:
    """Whether keys may be read from there: https, in a demo region also this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return True
    return demo and parts.scheme == "http" and parts.hostname in _LOOPBACK


@dataclass(slots=True)
class _Kept:
    keys: list[dict[str, Any]]
    read_at: float
    until: float


class ClientKeys:
    """Keeps what was read for as long as its address allows, never longer."""

    def __init__(self, *, demo: bool) -> None:
        self._demo = demo
        self._kept: dict[str, _Kept] = {}

    async def of(self, client: Client, kid: str, jku: str | None) -> list[dict[str, Any]]:
        """The client's keys. A `jku` must be the registered address. Raises invalid_client, Unavailable."""
        if jku is not None and jku != client.jwks_url:
            raise invalid_client()
        if client.jwks_url is None:
            return list((client.jwks or {}).get("keys", []))
        now = time.monotonic()
        kept = self._kept.get(client.jwks_url)
        if kept is None or kept.until <= now or not self._knows(kept, kid, now):
            kept = self._kept[client.jwks_url] = await self._read(client.jwks_url)
        return kept.keys

    def _knows(self, kept: _Kept, kid: str, now: float) -> bool:
        return any(key.get("kid") == kid for key in kept.keys) or now - kept.read_at < _LOOK_AGAIN

    async def _read(self, url: str) -> _Kept:
        if not is_safe_address(url, demo=self._demo):
            raise invalid_client()
        answer = await outside.call("GET", url)
        try:
            found = answer.json() if answer.status == 200 else None
        except ValueError:
            raise invalid_client() from None
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list):
            raise invalid_client()
        now = time.monotonic()
        kept = [key for key in keys if isinstance(key, dict)]
        return _Kept(kept, now, now + _life(answer.headers.get("cache-control", "")))


def _life(cache_control: str) -> float:
    """Seconds that an answer may be kept."""
    said = cache_control.lower()
    if "no-store" in said or "no-cache" in said:
        return 0.0
    found = _MAX_AGE.search(said)
    return min(float(found[1]), _AT_MOST) if found else _UNSAID
