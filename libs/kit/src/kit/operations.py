"""What an operator asks a service over HTTP: how far behind it is, and what was set aside; never routed by the gateway.

Let in are callers on this machine who say who they are (header FVM-Operator, which no web page of another site can send),
and tokens with the right `exchange.operate` or the scope `system/operations`. A message's content needs the latter.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog
from fastapi import APIRouter, Depends, Query, Request, Response

from kit.aside import InboxPlace, NoSuchMessage, Place, WaitingPlace, said
from kit.auth import Verifier, bearer
from kit.caller import Caller
from kit.db import Connection, Database, driver
from kit.lag import Lag, LagOf, Measure
from kit.problems import Kind, Malformed, Problem
from kit.sealed_events import Opening
from kit.settings import Settings
from kit.telemetry import describe
from kit.web import checked

PATH = "/internal/operations"
RIGHT, SCOPE = "exchange.operate", "system/operations"
_LOOPBACK = ("127.0.0.1", "::1")
_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_OPERATOR = re.compile(r"[\w.@\- ]{1,80}")
_ID = re.compile(r"([a-z]+(?:-waiting)?)-(\d{1,18})")
_SOON = 0.9  # seconds that each half of `now` may take: the operator's page waits two for both
_EVERY = 5.0  # seconds between two measurements for the gauges
_MOST = 500  # messages of one list

T = TypeVar("T", bound=msgspec.Struct)

log = structlog.get_logger(__name__)


class NotAnOperator(Problem):
    """Only operators of the region may do this."""

    kind = Kind.FORBIDDEN
    code = "kit/not-an-operator"
    title = "Only operators of the region may do this"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks; `known` when a token says so, not only the machine."""

    name: str
    known: bool


class Operations:
    """One service's part: `router` for its app, `run` as a loop that keeps the gauges fresh."""

    name = "operations"

    def __init__(
        self,
        service: str,
        db: Database,
        settings: Settings,
        *,
        places: Sequence[Place] = (),
        steps: Sequence[Measure] = (),
        verifier: Verifier | None = None,
    ) -> None:
        self._db = db
        self._lag = LagOf(service, db, settings, steps)
        everywhere: Sequence[Place] = (InboxPlace(service), WaitingPlace(service), *places)
        self._places = {place.prefix: place for place in everywhere}
        self._verifier = verifier
        self.opening: Opening | None = None  # of sealed events that were set aside here
        self._measuring: asyncio.Task[Lag] | None = None
        self._last: Lag | None = None
        self.router = APIRouter(prefix=PATH, include_in_schema=False, dependencies=[Depends(self.operator)])
        self.router.add_api_route("/now", self.now)
        self.router.add_api_route("/lag", self.lag)
        self.router.add_api_route("/parked", self.parked)
        self.router.add_api_route("/parked/replay", self.replay, methods=["POST"])
        self.router.add_api_route("/parked/{id}", self.show)
        self.router.add_api_route("/parked/{id}/give-up", self.give_up, methods=["POST"])

    async def run(self) -> None:
        """Measures every few seconds until cancelled; raises what the database raises."""
        try:
            while True:
                await self._measure()
                await asyncio.sleep(_EVERY)
        finally:
            await self._lag.stop()

    async def stop(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
        await self._lag.stop()
        if self._verifier is not None:
            await self._verifier.stop()

    async def operator(self, request: Request) -> Operator:
        """Raises Unauthenticated, or NotAnOperator."""
        if request.headers.get("authorization") is not None:
            verifier: Verifier | None = self._verifier or request.app.state.verifier
            if verifier is None:
                raise NotAnOperator("This service takes no tokens here")
            return operator_of(await verifier.caller(bearer(request.headers["authorization"])))
        here = request.client is not None and request.client.host in _LOOPBACK
        name = request.headers.get("fvm-operator", "")
        if not here or not _NAMES.fullmatch(request.headers.get("host", "")) or not _OPERATOR.fullmatch(name):
            raise NotAnOperator
        return Operator(name, known=False)

    async def now(self, request: Request) -> Response:
        """{"checks": those of readiness by name, "lag": kit.lag.Lag, or null while the database is away}. A broker that takes
        connections and says nothing does not make this service silent: then it is the lag that was measured last."""
        found = await checked(request, _SOON)
        return answer({"checks": found, "lag": await self._lately() if found["database"] else None})

    async def _lately(self) -> Lag | None:
        try:
            async with asyncio.timeout(_SOON):
                return await self._measure()
        except TimeoutError:
            return self._last

    async def _measure(self) -> Lag:
        """The measurement that is under way, or a new one; it goes on where who asked does not wait for it."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._lag.measure())
            self._measuring.add_done_callback(self._measured)
        return await asyncio.shield(self._measuring)

    def _measured(self, done: asyncio.Task[Lag]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._last = done.result()

    async def lag(self) -> Response:
        """Everything that is behind (kit.lag.Lag)."""
        return answer(await self._measure())

    async def parked(self, code: str | None = None, limit: int = Query(100, ge=1, le=_MOST)) -> Response:
        """{"count": of parked ones, "messages": [kit.aside.Held]} of all places."""
        async with self._db.pool.acquire() as con:
            messages = [held for place in self._places.values() for held in await place.listed(con, code, limit)]
            count = sum([len(await place.matching(con, code)) for place in self._places.values()])
        return answer({"count": count, "messages": messages})

    async def show(self, id: str, request: Request, reason: str = Query("", max_length=300)) -> Response:
        """One message. With a `reason`, which is written down, also its content (base64)."""
        place, number = self._place(id)
        operator = await self.operator(request)
        if reason and not operator.known:
            raise NotAnOperator("The content of a message is shown only to an operator with a token")
        async with self._db.transaction() as tx:
            con = await driver(tx)
            found = await place.load(con, number)
            if reason:
                await _write_down(con, operator, "show content", id, reason)
            found.body = await said(found, self.opening) if reason else None
        return answer(found)

    async def replay(self, request: Request) -> Response:
        """{"ids": […]} or {"code": …} or {"all": true}, with "dry_run": {"count", "replayed"} says what it would do or did."""
        wanted = await _body(request)
        operator = await self.operator(request)
        dry = wanted.get("dry_run") is not False
        count = replayed = 0
        async with self._db.transaction() as tx:
            con = await driver(tx)
            for place in self._places.values():
                numbers = await self._wanted(con, place, wanted)
                count += len(numbers)
                if numbers and not dry:
                    replayed += await place.replay(tx, con, numbers)
            if replayed:
                what = str(wanted.get("code") or ", ".join(wanted.get("ids", ())) or "all")
                await _write_down(con, operator, "replay", what[:500], str(wanted.get("reason", ""))[:300])
        if replayed:
            log.info("messages replayed", count=replayed)
        return answer({"count": count, "replayed": replayed})

    async def give_up(self, id: str, request: Request) -> Response:
        """{"reason": …}: the message stays, but is nobody's work any more."""
        place, number = self._place(id)
        operator = await self.operator(request)
        reason = str((await _body(request)).get("reason", "")).strip()[:300]
        if not reason:
            raise Malformed("Giving up a message needs a reason", at="reason")
        async with self._db.transaction() as tx:
            con = await driver(tx)
            await place.give_up(con, number)
            await _write_down(con, operator, "give up", id, reason)
        log.info("message given up")
        return answer({"given_up": id})

    async def _wanted(self, con: Connection, place: Place, wanted: Mapping[str, Any]) -> list[int]:
        """The numbers of this place that the request means and that are parked there."""
        if "ids" in wanted:
            given = [self._place(str(id)) for id in wanted["ids"]]
            return await place.present(con, [number for other, number in given if other is place])
        code = wanted.get("code")
        if code is None and wanted.get("all") is not True:
            raise Malformed('Say which: "ids", "code" or "all"', at="code")
        return await place.matching(con, None if code is None else str(code))

    def _place(self, id: str) -> tuple[Place, int]:
        found = _ID.fullmatch(id)
        if found is None or found[1] not in self._places:
            raise NoSuchMessage
        return self._places[found[1]], int(found[2])


def operator_of(caller: Caller) -> Operator:
    """Raises NotAnOperator unless the token gives the right."""
    held = caller.commission.rights if caller.commission else frozenset()
    if not (RIGHT in held or (caller.kind == "system" and caller.has(SCOPE))):
        raise NotAnOperator
    return Operator(caller.subject, known=True)


async def asked(request: Request, kind: type[T]) -> T:
    """The JSON body as this struct; raises Malformed."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise Malformed(f"This body cannot be read: {describe(error).partition(' ')[0]}") from None


def answer(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _body(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Malformed(f"This is not a JSON object: {describe(error).partition(' ')[0]}") from None


async def _write_down(con: Connection, operator: Operator, act: str, what: str, reason: str) -> None:
    await con.execute(
        "insert into operation (operator, act, what, reason) values ($1, $2, $3, $4)", operator.name, act, what, reason
    )
