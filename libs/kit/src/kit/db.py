"""One PostgreSQL database: SQLAlchemy for cold paths and transactions, plain asyncpg for hot ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import msgspec
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection  # or a pool's proxy of one

# jsonb keeps the precision of a decimal, so the codec must too (FHIR: 1.00 is not 1.0).
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_CONNECT = 5.0  # seconds a connection may take to open
_SESSION = {"timezone": "UTC", "jit": "off"}  # jit costs more than it gives on short statements


class Database:
    """The engine is lazy; the pool exists from start() to stop(). Sizes are this service's budget of connections."""

    engine: AsyncEngine
    pool: Pool

    def __init__(self, url: str, *, pool_size: int = 8, engine_size: int = 4) -> None:
        address = make_url(url)
        self.url = address.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool_size = pool_size
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connect,  # asyncpg reads the URL itself: sslmode and its files mean the same everywhere
            pool_size=engine_size,
            max_overflow=engine_size,
            pool_pre_ping=True,  # after the server was away each kept connection would fail once
            hide_parameters=True,  # an error text must not carry patient data
            json_serializer=lambda value: _encode(value).decode(),
            json_deserializer=_decode,
        )

    async def start(self) -> None:
        """Opens the pool; raises what asyncpg raises when the server is away."""
        self.pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._pool_size,
            reset=_leave_as_is,
            timeout=_CONNECT,
            server_settings=_SESSION,
        )

    async def stop(self) -> None:
        if hasattr(self, "pool"):
            await self.pool.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Begin … commit; anything raised inside rolls back, and a failing commit raises here."""
        async with self.engine.begin() as tx:
            yield tx

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for whoever keeps one for life (the relay). The caller closes it."""
        return await asyncpg.connect(self.url, timeout=_CONNECT, server_settings=_SESSION)

    async def check(self) -> None:
        """Raises when the database does not answer: the health check."""
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql("select 1")


async def driver(tx: AsyncConnection) -> asyncpg.Connection:
    """The driver connection inside this SQLAlchemy transaction (for COPY and unnest).

    SQLAlchemy sends BEGIN with the first statement it executes itself; without one the driver's
    statements would commit on their own. So the transaction is opened here when it is not yet.
    """
    raw = await tx.get_raw_connection()
    connection = cast("asyncpg.Connection", raw.driver_connection)
    if not connection.is_in_transaction():
        await tx.exec_driver_sql("select 1")
    return connection


async def _leave_as_is(_connection: Any) -> None:
    """Hot paths leave nothing behind in a session; the default reset would cost a round trip per use."""
