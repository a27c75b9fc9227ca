"""A service's own token: got from the application platform with the service's secret, kept until it is about to end."""

import asyncio
import base64
import time
from pathlib import Path

from kit.http import Client
from kit.problems import Unavailable

_EARLY = 60.0  # seconds before its end that a token is not used any more


class OwnToken:
    """`name` is the service's client id; its secret lies in `<data>/secrets/<name>.secret`."""

    def __init__(self, issuer: Client, name: str, data: Path | None) -> None:
        self._issuer = issuer
        self._name = name
        self._file = None if data is None else data / "secrets" / f"{name}.secret"
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Raises Unavailable when there is no secret, or the application platform is away."""
        async with self._asking:
            if time.monotonic() >= self._until:
                await self._ask()
            return self._token

    async def _ask(self) -> None:
        try:
            secret = self._file.read_text().strip() if self._file is not None else ""
        except OSError:
            secret = ""
        if not secret:
            raise Unavailable("This service has no secret to prove who it is: set FVM_DATA to the region's data folder")
        basic = base64.b64encode(f"{self._name}:{secret}".encode()).decode()
        answer = await self._issuer.send(
            "POST",
            "/auth/token",
            data=b"grant_type=client_credentials",
            type="application/x-www-form-urlencoded",
            headers={"authorization": f"Basic {basic}"},
        )
        if answer.status != 200:
            raise Unavailable("The application platform gave this service no token")
        told = answer.json()
        self._token = told["access_token"]
        self._until = time.monotonic() + max(0.0, float(told["expires_in"]) - _EARLY)
