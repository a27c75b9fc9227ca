"""Peers that a TLS listener turned away while shaking hands: counted with the reason, since nothing else is heard of them."""

import ssl
import time
from collections import deque
from collections.abc import Callable

import structlog
from prometheus_client import Counter

TURNED_AWAY = Counter("tls_turned_away", "Peers turned away while TLS was agreed upon", ("door", "why"))
_WINDOW = 60.0  # seconds that are remembered
_MOST = 1_000  # peers that are remembered
_QUIET = 10.0  # seconds between two lines of the log about one reason
REASONS = ("expired", "not yet valid", "untrusted", "none shown", "handshake")
_EXPIRED, _NOT_YET = 10, 9  # X509_V_ERR_…, https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/

log = structlog.get_logger(__name__)


class Strangers:
    """The peers that one door turned away within the last minute."""

    def __init__(self, door: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._door = door
        self._clock = clock
        self._seen: deque[tuple[float, str]] = deque(maxlen=_MOST)
        self._said: dict[str, float] = {}

    def lately(self) -> dict[str, int]:
        """How many for each of REASONS that there was."""
        found: dict[str, int] = {}
        for at, why in self._seen:
            if self._clock() - at < _WINDOW:
                found[why] = found.get(why, 0) + 1
        return found

    def add(self, error: ssl.SSLError) -> None:
        why = reason(error)
        now = self._clock()
        self._seen.append((now, why))
        TURNED_AWAY.labels(self._door, why).inc()
        if now - self._said.get(why, float("-inf")) >= _QUIET:
            self._said[why] = now
            log.warning("peer turned away", door=self._door, code=why)

    def watching(self) -> type[ssl.SSLObject]:
        """What a context's `sslobject_class` is to be: the event loop itself keeps silent about a handshake that fails."""
        add = self.add

        class Watched(ssl.SSLObject):
            def do_handshake(self) -> None:
                try:
                    super().do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    raise
                except ssl.SSLError as error:
                    add(error)
                    raise

        return Watched


def reason(error: ssl.SSLError) -> str:
    """Why a handshake failed: one of REASONS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return {_EXPIRED: "expired", _NOT_YET: "not yet valid"}.get(error.verify_code, "untrusted")
    return "none shown" if error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE" else "handshake"
