"""A server's certificate from files, read again when they are renewed: nobody restarts for a certificate."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from kit.settings import WrongSettings
from kit.strangers import Strangers

log = structlog.get_logger(__name__)

_LOOK = 2.0  # seconds between two looks at the files


class Certificate:
    """`context` is what a listener is given, once; new connections always get what the files say now.

    `clients`: who signs the certificates that peers must show (PEM); without it none is asked for.
    Raises WrongSettings where the files are not there or do not fit together.
    """

    def __init__(self, certificate: Path, key: Path, clients: Path | None = None, *, door: str = "http") -> None:
        self.strangers = Strangers(door)
        self._files = (certificate, key, *((clients,) if clients is not None else ()))
        try:
            self._seen = self._stamp()
            self._now = self._read()
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(map(str, self._files))
            raise WrongSettings(f"These certificates cannot be used ({type(error).__name__}): {files}.") from None
        self.context = self._now
        # Python asks this for every handshake, also where the peer names no server.
        self.context.sni_callback = self._choose
        self.context.sslobject_class = self.strangers.watching()

    def refresh(self) -> bool:
        """Reads the files again where they have changed; what cannot be used is logged, and the old one stays."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            self._now = self._read()
        except (OSError, ssl.SSLError) as error:
            log.warning("renewed certificate not usable", error=type(error).__name__)
            return False
        self._seen = stamp
        log.info("certificate renewed")
        return True

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """A loop: looks now and then."""
        while True:
            await sleep(_LOOK)
            self.refresh()

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._now

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._files[0], self._files[1])
        if len(self._files) > 2:
            context.load_verify_locations(self._files[2])
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session would not show its certificate again, which may have expired since.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        found = (file.stat() for file in self._files)
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def names(connection: ssl.SSLObject | None) -> frozenset[str]:
    """What a verified peer is called: its subject's common name, and every DNS name and URI it goes by."""
    shown: Any = connection.getpeercert() if connection is not None else None
    if not shown:
        return frozenset()
    common = [value for part in shown.get("subject", ()) for name, value in part if name == "commonName"]
    others = [value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    return frozenset([*common, *others])
