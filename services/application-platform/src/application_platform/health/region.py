"""Is the whole region ready? The gateway's GET /health/ready is this service's, which asks all the others."""

from collections.abc import Awaitable, Callable, Mapping

from kit.http import Client

Check = Callable[[], Awaitable[None]]

_PATIENCE = 1.5  # seconds; the kit gives each check two


class Neighbours:
    """The other services, asked one by one whether they are ready."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._clients = {name: Client(url, _PATIENCE, connections=4) for name, url in urls.items()}

    def checks(self) -> dict[str, Check]:
        """By name of the service: a check that raises unless it answers 200."""
        return {name: _asking(client) for name, client in self._clients.items()}

    async def stop(self) -> None:
        for client in self._clients.values():
            await client.stop()


def _asking(client: Client) -> Check:
    async def ask() -> None:
        await client.get("/health/ready")

    return ask
