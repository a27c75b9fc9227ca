"""The sample service as a process: one endpoint, one loop that crashes when it is told to."""

import asyncio
import os

from kit.db import Database
from kit.process import Service, main
from kit.settings import Settings
from kit.web import Tx, new_app


def build(settings: Settings) -> Service:
    db = Database(settings.database_url)
    app = new_app("Sample", db=db, verifier=None)

    @app.get("/notes")
    async def notes(tx: Tx) -> int:
        await asyncio.sleep(float(os.environ.get("SLOW", "0")))
        return int((await tx.exec_driver_sql("select count(*) from note")).scalar_one())

    async def loop() -> None:
        await db.pool.execute("insert into note (event) values ('looped')")
        if os.environ.get("CRASH"):
            raise RuntimeError("191212121212")
        await asyncio.Event().wait()

    async def started() -> None:
        await db.pool.execute("insert into note (event) values ('started')")

    async def stopped() -> None:
        await db.pool.execute("insert into note (event) values ('stopped')")

    return Service("sample", app, db, loops=[loop], on_start=[started], on_stop=[stopped], migrations="sample_service")


main(build, Settings)
