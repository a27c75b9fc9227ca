"""Doors of the work in care that are no FHIR resources: drafts of notes (`/vis/care/drafts`)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field, StringConstraints

from access import allows
from fhirserver.engine import Engine
from fhirserver.messages import Request
from fhirserver.problems import Forbidden
from kit.caller import Caller
from kit.web import SignedIn
from vis.care.asking import staff
from vis.care.drafts import Draft, Drafts, Words
from vis.care.signing import LONGEST

PatientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Context = Annotated[str, Header(alias="fvm-patient", description="the patient in context")]


class DraftIn(BaseModel):
    """What is saved; `base` is the version it was written from, 0 the first time."""

    patient: PatientId
    title: Title
    text: str = Field(max_length=LONGEST)
    base: int = Field(ge=0)


class Saved(BaseModel):
    """The version that was made, and when."""

    version: int
    at: datetime


class DraftOut(BaseModel):
    """A draft as its author sees it; `note` is the id of the DocumentReference that it became."""

    id: UUID
    patient: str
    title: str
    text: str
    version: int
    at: datetime
    state: str
    note: str


class File(BaseModel):
    """Which version becomes a note, and whether it is signed at once."""

    version: int = Field(ge=1)
    sign: bool


class Filed(BaseModel):
    """The id of the DocumentReference."""

    id: str


def router(engine: Engine) -> APIRouter:
    """`/vis/care/drafts`."""
    made, drafts = APIRouter(prefix="/vis/care", tags=["care"]), Drafts(engine)
    _writing(made, engine, drafts)
    _reading(made, drafts)
    return made


def _writing(made: APIRouter, engine: Engine, drafts: Drafts) -> None:
    @made.put("/drafts/{id}")
    async def save(id: UUID, body: DraftIn, caller: SignedIn, context: Context) -> Saved:
        """Saves a new version; 409 care/draft-newer when `base` is not the newest, and nothing is written over."""
        _writes(caller, body.patient, context)
        version, at = await drafts.save(caller, id, body.patient, body.base, Words(body.title, body.text))
        return Saved(version=version, at=at)

    @made.delete("/drafts/{id}", status_code=204)
    async def cancel(id: UUID, caller: SignedIn) -> Response:
        """It is written no more; every saved version is kept."""
        staff(caller)
        await drafts.cancel(caller, id)
        return Response(status_code=204)

    @made.post("/drafts/{id}/file", status_code=201)
    async def file(id: UUID, body: File, caller: SignedIn, context: Context) -> Filed:
        """The draft becomes a note in the record, signed or not; again: the same one."""
        draft = await drafts.one(caller, id)
        _writes(caller, draft.patient, context)
        asked = Request("PUT", ("DocumentReference", str(id)), "", {}, b"", caller, await engine.sight(caller))
        note = await drafts.file(asked, id, body.version, sign=body.sign)
        return Filed(id=note)


def _reading(made: APIRouter, drafts: Drafts) -> None:
    @made.get("/drafts")
    async def mine(caller: SignedIn) -> list[DraftOut]:
        """The caller's own that are being written, the newest first; 200 at most."""
        staff(caller)
        return [_out(one) for one in await drafts.mine(caller)]

    @made.get("/drafts/{id}")
    async def one(id: UUID, caller: SignedIn) -> DraftOut:
        """One of the caller's own."""
        staff(caller)
        return _out(await drafts.one(caller, id))


def _writes(caller: Caller, patient: str, context: str) -> None:
    """Raises Forbidden, NotYours: staff write about the patient in context, with a token that may write notes (D10)."""
    staff(caller)
    stated = {context.removeprefix("Patient/"), caller.patient or patient}
    if stated != {patient}:
        raise Forbidden("The patient of the draft is not the patient in context", at="FVM-Patient")
    if not allows(caller.scopes, "DocumentReference", "u"):
        raise Forbidden("The token's scopes do not allow this for DocumentReference", at="scope")


def _out(one: Draft) -> DraftOut:
    return DraftOut(
        id=one.id, patient=one.patient, title=one.words.title, text=one.words.text,
        version=one.version, at=one.at, state=one.state, note=one.note,
    )  # fmt: skip
