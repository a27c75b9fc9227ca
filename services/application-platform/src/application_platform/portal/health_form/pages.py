"""The pages of the health form: where one is, one step at a time, what is missing, and what was sent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from application_platform.forms import model, store
from application_platform.forms.model import Filled, Stale, Submitted
from application_platform.portal import render
from application_platform.portal.contact import sending
from application_platform.portal.contact.deciding import database, look
from application_platform.portal.contact.sending import UNDECIDED, Told
from application_platform.portal.contact.words import words
from application_platform.portal.health_form import facts, steps
from application_platform.portal.health_form.steps import Step
from application_platform.portal.hearing import News, tell
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.own_values.mine import CHANGED
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from kit.db import driver
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/forms/health", route_class=PageRoute, include_in_schema=False)

_STALE = "Formuläret har sparats i ett annat fönster sedan du öppnade det här. Kontrollera svaret och spara igen."
_CONFLICTS: dict[type[Problem], str] = {Stale: _STALE, Submitted: "Formuläret är redan skickat, och ändras inte mer."}
_MISSING = "Några frågor behöver svar innan du kan skicka. De står nedan."


class Answered(BaseModel):
    """A step's answers, by their linkId among the other fields. `version` is of the form that they were written on top of."""

    model_config = ConfigDict(extra="allow")

    patient: str = Field(max_length=64)
    id: UUID
    version: int = Field(ge=0, le=1_000_000)
    act: Literal["save", "next"] = "next"

    @property
    def typed(self) -> dict[str, str]:
        return {name: text for name, text in (self.model_extra or {}).items() if isinstance(text, str)}


class Sent(BaseModel):
    """Which form is sent, in which version."""

    patient: str = Field(max_length=64)
    id: UUID
    version: int = Field(ge=0, le=1_000_000)


@router.get("")
async def overview(request: Request, portal: InPortal, mine: InMine) -> Response:
    """What is begun, how far it has come, what is missing, and what was sent."""
    return await _overview(request, portal, mine, Told())


@router.get("/proof")
async def proof(mine: InMine) -> Response:
    """For keep.js."""
    return sending.proof(mine.reader.csrf, mine.reader.person)


@router.post("/send")
async def send(request: Request, portal: InPortal, mine: InMine, filled: Annotated[Sent, Form()]) -> Response:
    """Sends the form as it is saved; sent twice it is sent once. What is missing is listed."""
    await sent(request, mine, filled.patient)
    try:
        role = await look(portal, mine.reader, "own-write", [mine.patient])
        async with database(request).transaction() as tx:
            held = await store.find(tx, mine.patient, filled.id)
            if held is None:
                raise NotShown
            if held.submitted_at is None and model.wrong(held.answers, whole=True):
                return await _overview(request, portal, mine, Told(422, _MISSING))
            now = datetime.now(UTC)
            wanted = replace(_mine(mine, held, now, role), version=filled.version)
            if held.submitted_at is None and held.version != filled.version:
                raise Stale
            await store.save(tx, wanted, send=True, at=now)
            await tell(await driver(tx), [News((mine.patient,), (CHANGED,))])
    except Stale:
        return await _overview(request, portal, mine, Told(409, _STALE))
    return sending.done(request, f"{mine.base}/forms/health/sent/{filled.id}?klar=skickat")


@router.get("/sent/{form}")
async def read(request: Request, portal: InPortal, mine: InMine, form: UUID, klar: str = "") -> Response:
    """A form that was sent, as care sees it."""
    await look(portal, mine.reader, "own-read", [mine.patient])
    async with database(request).transaction() as tx:
        held = await store.find(tx, mine.patient, form)
    if held is None or held.submitted_at is None:
        raise NotShown
    context = {"filled": held, "answers": steps.answered(held.answers), "done": klar == "skickat"}
    return _render(request, portal, mine, "mine/form_sent.html", context)


@router.get("/{number:int}")
async def step(request: Request, portal: InPortal, mine: InMine, number: int) -> Response:
    """One step with what is saved of it."""
    return await _step(request, portal, mine, _of(number), None, Told())


@router.post("/{number:int}")
async def save(
    request: Request, portal: InPortal, mine: InMine, number: int, filled: Annotated[Answered, Form()]
) -> Response:
    """Saves one step, by itself (act=save) or on the way to the next; a wrong answer stays in its field and says why."""
    await sent(request, mine, filled.patient)
    this = _of(number)
    wrong = _wrong(this, steps.over({}, this, filled.typed))
    if wrong:
        return await _refused(request, portal, mine, this, filled, Told(422, next(iter(wrong.values()))))
    try:
        held = await _saved(request, portal, mine, this, filled)
    except Problem as problem:
        own = next((words for kind, words in _CONFLICTS.items() if isinstance(problem, kind)), "")
        told = Told(409, own) if own else sending.refusal(problem)
        return await _refused(request, portal, mine, this, filled, told)
    if sending.scripted(request) and filled.act == "save":
        done, of = steps.progress(held.answers)
        saved = {"version": held.version, "clock": f"{datetime.now(ZONE):%H:%M}", "done": done, "of": of}
        return JSONResponse(saved, headers=render.headers())
    last = number == len(steps.steps())
    return sending.done(request, f"{mine.base}/forms/health{'' if last else f'/{number + 1}'}")


async def _saved(request: Request, portal: Portal, mine: Mine, this: Step, filled: Answered) -> Filled:
    """Raises Stale, Submitted, and what the law says. The version in a refused form is never written over."""
    role = await look(portal, mine.reader, "own-write", [mine.patient])
    now = datetime.now(UTC)
    async with database(request).transaction() as tx:
        held = await store.find(tx, mine.patient, filled.id)
        begun = held or Filled(filled.id, mine.patient, model.form_id(), {}, 0, "", "", "", now)
        answers = steps.over(begun.answers, this, filled.typed)
        if held is not None and dict(answers) == dict(held.answers):
            return held
        wanted = replace(_mine(mine, begun, now, role), answers=answers, version=filled.version)
        return await store.save(tx, wanted, send=False, at=now)


def _mine(mine: Mine, held: Filled, now: datetime, role: str) -> Filled:
    return replace(held, by_id=mine.reader.person, by_name=mine.reader.name, by_role=role, changed_at=now)


def _of(number: int) -> Step:
    found = steps.steps()
    if not 1 <= number <= len(found):
        raise NotShown
    return found[number - 1]


async def _draft(request: Request, portal: Portal, mine: Mine) -> Filled | None:
    await look(portal, mine.reader, "own-read", [mine.patient])
    async with database(request).transaction() as tx:
        return await store.draft(tx, mine.patient, model.form_id())


async def _overview(request: Request, portal: Portal, mine: Mine, told: Told) -> Response:
    held = await _draft(request, portal, mine)
    async with database(request).transaction() as tx:
        earlier = [one for one in await store.listed(tx, mine.patient) if one.submitted_at is not None]
    answers = held.answers if held else {}
    rows = steps.rows(answers)
    done, of = steps.progress(answers)
    context = {
        "form": model.questionnaire(),
        "rows": rows,
        "held": held,
        "lacking": any(row.lacking for row in rows),
        "done": done,
        "of": of,
        "next": steps.next_step(answers),
        "earlier": earlier,
        "told": told,
    }
    return _render(request, portal, mine, "mine/form.html", context, told.status)


async def _refused(request: Request, portal: Portal, mine: Mine, this: Step, filled: Answered, told: Told) -> Response:
    """The answer stays in the page, which is told what the next save replaces."""
    if not sending.scripted(request):
        return await _step(request, portal, mine, this, filled, told)
    held = await _draft(request, portal, mine) if told.status == 409 else None
    if held is None:
        return JSONResponse({"words": told.words}, told.status, headers=render.headers())
    theirs = " ".join(steps.in_words(item, held.answers.get(item["linkId"], "")) for item in this.items).strip()
    said = f"{told.words} I det andra fönstret står: {theirs or 'inget svar'}."
    return JSONResponse(
        {"words": said, "version": held.version, "id": str(held.id)}, told.status, headers=render.headers()
    )


def _wrong(this: Step, answers: model.Answers) -> dict[str, str]:
    """What is wrong in one step, by linkId."""
    found = model.wrong(answers, whole=False)
    return {link: words for link, words in found.items() if link in this.links}


async def _step(
    request: Request, portal: Portal, mine: Mine, this: Step, filled: Answered | None, told: Told
) -> Response:
    undecided = told.status in UNDECIDED
    held = None if undecided else await _draft(request, portal, mine)
    saved = held.answers if held else {}
    done, of = steps.progress(saved)
    link = this.links[0]
    context = {
        "form": model.questionnaire(),
        "step": this,
        "of": of,
        "done": done,
        "answers": filled.typed if filled else saved,
        "wrong": _wrong(this, steps.over({}, this, filled.typed)) if filled else {},
        "saved": saved,
        "told": told,
        "id": str(filled.id if filled and not held else held.id if held else uuid4()),
        "version": held.version if held else filled.version if filled else 0,
        "pairs": lambda item: [(one["valueString"], one["valueString"]) for one in item["answerOption"]],
        "facts": None if undecided else await facts.facts(portal, mine.reader.token, mine.patient, link),
    }
    return _render(request, portal, mine, "mine/form_step.html", context, told.status)


def _render(
    request: Request, portal: Portal, mine: Mine, template: str, context: dict[str, Any], status: int = 200
) -> Response:
    return render.page(request, template, framed(portal, mine, "contact", **words(), **context), status)
