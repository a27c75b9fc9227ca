"""News for every replica: whoever reads the topic says it through the database, and each process hears it once it is committed.

The group's members share the topic's partitions, so a page that is open at one replica waits for what another one reads.
https://www.postgresql.org/docs/15/sql-notify.html
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import structlog

from application_platform.portal.live import Hub
from kit.db import Connection, Database

CHANNEL = "portal_news"
_AT_ONCE = (
    40  # patients, and resources, of one notification: with ids of 64 characters below the 8,000 bytes it may have
)
_LOOK = 15.0  # seconds between two looks at whether the line is still there

log = structlog.get_logger(__name__)


class News(msgspec.Struct, frozen=True, array_like=True):
    """Resources ("Type/id") that are new or changed, and the patients they are about: ids only (D5)."""

    patients: tuple[str, ...]
    what: tuple[str, ...]


_decode = msgspec.json.Decoder(list[News]).decode


async def tell(con: Connection, news: Iterable[News]) -> None:
    """Says it to every process that listens, when the caller's transaction commits; the same thing is said once."""
    said = [msgspec.json.encode(some).decode() for some in _together(part for one in news for part in _parts(one))]
    if said:
        await con.execute("select pg_notify($1, said) from unnest($2::text[]) said", CHANNEL, said)


def _together(parts: Iterable[News]) -> Iterator[list[News]]:
    """As many as one notification may have."""
    some: list[News] = []
    names = 0
    for part in dict.fromkeys(parts):
        more = len(part.patients) + len(part.what)
        if some and names + more > 2 * _AT_ONCE:
            yield some
            some, names = [], 0
        some.append(part)
        names += more
    if some:
        yield some


def _parts(news: News) -> Iterator[News]:
    for patients in _some(news.patients):
        for what in _some(news.what):
            yield News(patients, what)


def _some(all_of: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(all_of[at : at + _AT_ONCE]) for at in range(0, len(all_of), _AT_ONCE))


class Ears:
    """One per process that serves: what is said anywhere reaches this process's hub."""

    name = "news"

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; raises what the database raises when the line is lost (the supervisor opens a new one)."""
        connection = await self._db.connect()
        try:
            await connection.add_listener(CHANNEL, self._hear)
            self._hub.lost()  # nobody knows what was said before
            self.listening.set()
            while True:
                await asyncio.sleep(_LOOK)
                await connection.fetchval("select 1", timeout=_LOOK)
        finally:
            self.listening.clear()
            connection.terminate()

    def _hear(self, _connection: object, _process: int, _channel: str, said: object) -> None:
        try:
            heard = _decode(str(said))
        except msgspec.DecodeError:
            log.warning("news not understood")  # from a process of another version
            return
        for news in heard:
            self._hub.publish(news.patients, news.what)
