"""The log over HTTP: the patient's own extract, and the list for whoever reviews (LOG-11, LOG-12, LOG-13, LOG-15)."""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from fhirserver.activities import activity, purpose
from fhirserver.engine import Engine
from information_platform.log import asking, checking, reporting, reviewing
from information_platform.log.asking import Question
from information_platform.log.model import Post, shown
from information_platform.log.rights import log_look, own_patient, reviewer
from information_platform.log.verifying import verify
from kit.problems import Malformed
from kit.web import SignedIn

MOST = 10_000  # posts of one answer; more is a report (LOG-11)


class Stretch(BaseModel):
    """From when to when, half-open, with offsets."""

    since: datetime | None = None
    until: datetime | None = None


class Paged(Stretch):
    """One page: `after` is the `next` of the page before."""

    after: str = Field(default="", max_length=80)
    count: int = Field(default=100, ge=1, le=MOST)


class Looked(Paged):
    """By patient, user or unit: one at least."""

    patient: str = Field(default="", max_length=64)
    user: str = Field(default="", max_length=128)
    unit: str = Field(default="", max_length=128)


class Asked(Stretch):
    """A question for a report; without patient, user and unit it is about the whole care provider."""

    patient: str = Field(default="", max_length=64)
    user: str = Field(default="", max_length=128)
    unit: str = Field(default="", max_length=128)


class Closed(BaseModel):
    """What a manager found: was the access justified, and why."""

    justified: bool
    note: str = Field(min_length=3, max_length=2000)


def router(engine: Engine, *, names: bool = True) -> APIRouter:
    """`names`: whether patients are shown who read, or only where (LOG-13)."""
    made = APIRouter(prefix="/information/log", tags=["log"])
    _own(made, engine, names=names)
    _reviewed(made, engine)
    _reports(made, engine)
    _tasks(made, engine)
    return made


def _own(made: APIRouter, engine: Engine, *, names: bool) -> None:
    @made.get("/mine")
    async def mine(caller: SignedIn, paged: Annotated[Paged, Query()]) -> Response:
        """The patient's extract: who, where, when, what for, which kind of information; newest first."""
        patient = await own_patient(engine, caller)
        question = _question(Question(patient=patient), paged)
        found, following = await asking.page(engine, question, paged.count, _after(paged.after))
        await log_look(engine, caller, "log-own", patient, len(found), "patient")
        own = asking.about(engine, patient)
        assert own is not None
        return _json({"accesses": [_access(one.post, own, names=names) for one in found], "next": following})


def _reviewed(made: APIRouter, engine: Engine) -> None:
    @made.get("/posts")
    async def posts(caller: SignedIn, looked: Annotated[Looked, Query()]) -> Response:
        """What was done by the reviewer's care provider or with its information; by patient, user or unit; newest first."""
        mine, patient = reviewer(caller), looked.patient
        if not (patient or looked.user or looked.unit):
            raise Malformed("Say which: patient, user or unit", at="patient")
        question = _question(Question(patient=patient, user=looked.user, unit=looked.unit, within=mine), looked)
        found, following = await asking.page(engine, question, looked.count, _after(looked.after))
        await log_look(engine, caller, "log-read", patient, len(found), _kind(patient, looked.user))
        about = asking.about(engine, patient)
        return _json({"posts": [shown(one.post, about) for one in found], "next": following})

    @made.get("/verdict")
    async def verdict(caller: SignedIn, stretch: Annotated[Stretch, Query()]) -> Response:
        """Whether anything of the log was edited, removed or put in, in this stretch of time (LOG-08)."""
        reviewer(caller)
        question = _question(Question(), stretch)
        return _json(await verify(engine, question.since, question.until))


def _reports(made: APIRouter, engine: Engine) -> None:
    @made.post("/reports", status_code=202)
    async def order(asked: Asked, caller: SignedIn) -> Response:
        """Orders a report of any size; its id comes back at once."""
        mine = reviewer(caller)
        question = Question(
            patient=asked.patient,
            user=asked.user,
            unit=asked.unit,
            provider="" if asked.patient or asked.user or asked.unit else mine,
            within=mine,
        )
        id = await reporting.order(engine, caller, _question(question, asked))
        await log_look(engine, caller, "log-report", asked.patient, 0, _kind(asked.patient, asked.user))
        return _json({"id": str(id), "state": "waiting"}, 202)

    @made.get("/reports/{id}")
    async def fetch(id: uuid.UUID, caller: SignedIn) -> Response:
        """The report as JSON lines, or 202 with its state while it is made; only for who ordered it."""
        reviewer(caller)
        state, lines, count = await reporting.fetch(engine, caller, id)
        if lines is None:
            return _json({"id": str(id), "state": state}, 202)
        await log_look(engine, caller, "log-report", "", count, "fetched")
        return Response(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


def _tasks(made: APIRouter, engine: Engine) -> None:
    @made.get("/reviews")
    async def tasks(
        caller: SignedIn,
        state: Annotated[str, Query(pattern="^(open|justified|not-justified)$")] = "open",
        count: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Patterns in the access by the reviewer's care provider that somebody should look at, oldest first (LOG-16)."""
        found = await reviewing.listed(engine, reviewer(caller), state, count)
        await log_look(engine, caller, "log-read", "", len(found), "reviews")
        return _json({"reviews": found})

    @made.get("/checks")
    async def checks(caller: SignedIn) -> Response:
        """Random checks of the reviewer's care provider: drawn, open, found justified or not, month by month (LOG-02)."""
        found = await checking.sums(engine, reviewer(caller))
        await log_look(engine, caller, "log-read", "", len(found), "checks")
        return _json({"checks": found})

    @made.post("/reviews/{id}")
    async def close(id: int, closed: Closed, caller: SignedIn) -> Response:
        """Closes one with what was found (LOG-02: the checks are documented)."""
        state = "justified" if closed.justified else "not-justified"
        patient = await reviewing.close(engine, caller, reviewer(caller), id, state, closed.note)
        await log_look(engine, caller, "review", patient, 1, state)
        return _json({"id": id, "state": state})


def _access(post: Post, own: Callable[[str], bool], *, names: bool) -> dict[str, Any]:
    """One access as the patient is shown it (the national patient access log's members); `own` of a Patient id."""
    who, mine = post.who, [one for one in post.about if own(post.patients.get(one.key, ""))]
    staff, patients_own = who.kind != "patient", own(who.id)
    proxy = not staff and not patients_own  # a guardian, or who has a mandate (PAT-11)
    labels = list(dict.fromkeys(one.label for one in mine if one.label is not None and one.label.type))
    return {
        "accessDate": post.at.isoformat(),
        "careProvider": {"id": who.provider, "name": who.provider_name},
        "careUnit": {"id": who.unit, "name": who.unit_name},
        "userId": who.id if names and staff else "",
        "userName": who.name if (names and staff) or proxy else "",
        "userTitle": who.role,
        "self": who.kind == "patient" and patients_own,
        "proxy": proxy,
        "purpose": purpose(post.purpose),
        "activityType": activity(post.activity).kind,
        "activity": activity(post.activity).text,
        "resourceTypes": dict(Counter(one.type for one in mine)),
        "owners": [{"careProvider": one.provider, "careUnit": one.unit, "information": one.type} for one in labels],
        "shown": post.returned > 0,
    }


def _question(question: Question, stretch: Stretch) -> Question:
    """With its times; one without offset is refused."""
    times = {name: at for name, at in (("since", stretch.since), ("until", stretch.until)) if at is not None}
    for name, moment in times.items():
        if moment.tzinfo is None:
            raise Malformed("Times are written with their offset: 2026-11-26T00:00:00+01:00", at=name)
    return msgspec.structs.replace(question, **times)


def _after(text: str) -> asking.Place | None:
    return asking.place_of(text) if text else None


def _kind(patient: str, user: str) -> str:
    return "patient" if patient else "user" if user else "unit"


def _json(body: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
