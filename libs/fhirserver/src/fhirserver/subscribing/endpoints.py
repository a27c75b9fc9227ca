"""Where notifications may go: only to addresses that the operator listed, and never by a name into this machine."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from fhirserver.problems import NotProcessable

LOOPBACK = "loopback"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect")
)
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Rules:
    """`allowed`: addresses like https://host:port/path (what is below them is allowed too), https://*.host, or `loopback`;
    `patience`: hours that an endpoint may be silent before its events are set aside."""

    allowed: tuple[str, ...] = ()
    patience: float = 120.0

    @classmethod
    def of(cls, text: str, mode: str, patience: float) -> "Rules":
        """From the setting: a list with commas or spaces. In a demo region an empty one means this machine."""
        listed = tuple(text.replace(",", " ").split())
        return cls(listed or ((LOOPBACK,) if mode == "demo" else ()), patience)

    def check(self, endpoint: str) -> None:
        """Raises NotProcessable with what to do about it."""
        at = "Subscription.channel.endpoint"
        try:
            parts = urlsplit(endpoint)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            raise NotProcessable("The endpoint is not an address", at=at) from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None or parts.fragment:
            raise NotProcessable("An endpoint is http://… or https://…, without a name and password in it", at=at)
        if re.search(r"[\s\\\x00-\x1f\x7f]", endpoint) or ".." in parts.path.split("/"):
            raise NotProcessable("The endpoint is not an address", at=at)
        if not any(_within(one, parts.scheme, parts.hostname.lower(), port, parts.path) for one in self.allowed):
            text = "Notifications are not sent to this address; the operator lists them in FVM_SUBSCRIPTION_ENDPOINTS"
            raise NotProcessable(text, at=at)


NOWHERE = Rules()


def _within(allowed: str, scheme: str, host: str, port: int, path: str) -> bool:
    if allowed == LOOPBACK:
        return is_loopback(host)
    parts = urlsplit(allowed)
    wanted = (parts.hostname or "").lower()
    same = host.endswith(wanted[1:]) and host != wanted[2:] if wanted[:2] == "*." else host == wanted
    below = parts.path.rstrip("/")
    inside = path == below or path.startswith(below + "/") or not below
    return parts.scheme == scheme and (parts.port or _DEFAULT_PORTS.get(scheme)) == port and same and inside


def is_loopback(host: str) -> bool:
    """Whether the name or number means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def headers_of(lines: Sequence[str]) -> dict[str, str]:
    """`Name: value` lines as headers. Raises NotProcessable."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _HEADER.fullmatch(name) or re.search(r"[\r\n\0]", value) or not value.isascii():
            raise NotProcessable("A header is one line: Name: value", at="Subscription.channel.header")
        if name.lower() in _OURS:
            raise NotProcessable(f"The header {name} is set by the server", at="Subscription.channel.header")
        found[name] = value.strip()
    return found


class GuardedResolver(AbstractResolver):
    """Names that lead into this machine or its network's inside (127.0.0.1, 169.254.…) do not resolve, so that whoever
    owns a listed name cannot point it there. `localhost` may, where it was listed."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host == "localhost":
            return found
        fit = [one for one in found if not _inside(one["host"])]
        if not fit:
            raise OSError("the name leads into this machine")
        return fit

    async def close(self) -> None:
        await self._inner.close()


def _inside(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip.is_reserved
