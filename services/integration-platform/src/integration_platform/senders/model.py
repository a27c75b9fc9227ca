"""A sender is a registered system with one care unit; at each door it is known by what that door can see (D3)."""

import ipaddress
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from kit.problems import Kind, Problem


class UnregisteredSender(Problem):
    """Nobody registered sends from there; the message is kept and shown."""

    kind = Kind.FORBIDDEN
    code = "exchange/unregistered-sender"
    title = "The sender is not registered"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of an MLLP connection: its address, and the names in the certificate that it showed."""

    address: str
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return " ".join([self.address, *(urllib.parse.quote(name, safe="") for name in sorted(self.names))])

    @classmethod
    def of(cls, text: str) -> Self:
        """Back from text, as a message that was nobody's keeps it."""
        address, *names = text.split(" ")
        return cls(address, frozenset(map(urllib.parse.unquote, names)))


@dataclass(frozen=True, slots=True)
class Sender:
    """A system and the unit that answers for what it sends.

    client       token's client at /exchange/events
    source       CloudEvents source at exchange.inbox.v1
    port         MLLP listener, narrowed by network (CIDR), application (MSH-3), facility (MSH-4) if given
    certificate  narrows too: a name in the certificate that the system shows (its CN, a DNS name or a URI)
    charset      what an empty MSH-18 means
    """

    id: str
    name: str
    unit: str
    unit_name: str
    provider: str
    provider_name: str
    client: str | None = None
    source: str | None = None
    port: int | None = None
    network: str | None = None
    application: str | None = None
    facility: str | None = None
    certificate: str | None = None
    charset: str = "8859/1"
    disabled: bool = False

    def narrowness(self, port: int, peer: Peer, application: str, facility: str) -> int:
        """How closely this registration fits an MLLP message; 0 when it does not."""
        if self.port != port:
            return 0
        if self.network is not None and not _within(peer.address, self.network):
            return 0
        if self.certificate is not None and self.certificate not in peer.names:
            return 0
        if self.application not in (None, application) or self.facility not in (None, facility):
            return 0
        narrowing = (self.network, self.application, self.facility, self.certificate)
        return 1 + sum(part is not None for part in narrowing)


@dataclass(frozen=True, slots=True)
class Senders:
    """Everyone who may send. `demo` takes what nobody else does, in a demo region only (D3, D19)."""

    known: tuple[Sender, ...] = ()
    demo: Sender | None = None

    def at_mllp(self, port: int, peer: Peer, application: str, facility: str) -> Sender | None:
        """The registration that fits most closely."""
        fits = [(one.narrowness(port, peer, application, facility), one) for one in self.known]
        best = max((fit for fit in fits if fit[0]), key=lambda fit: fit[0], default=None)
        return self._only(() if best is None else (best[1],))

    def at_events(self, client: str) -> Sender | None:
        return self._only(one for one in self.known if one.client == client)

    def at_inbox(self, source: str) -> Sender | None:
        return self._only(one for one in self.known if one.source == source)

    def _only(self, found: Iterable[Sender]) -> Sender | None:
        one = next(iter(found), None)
        if one is None:
            return self.demo
        return None if one.disabled else one


def _within(peer: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(peer) in ipaddress.ip_network(network)
    except ValueError:
        return False
