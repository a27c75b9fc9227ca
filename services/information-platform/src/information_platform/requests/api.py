"""The doors: a patient asks, follows and withdraws; a manager of the care provider reads what waits and answers."""

from uuid import UUID

from fastapi import APIRouter

from information_platform.access.actions import FactsOwner
from information_platform.requests.actions import Requests
from information_platform.requests.model import RequestIn, RequestOut, SettlingIn
from kit.web import SignedIn


def router(law: FactsOwner) -> APIRouter:
    """`/information/requests`."""
    made = APIRouter(prefix="/information/requests", tags=["requests"])
    requests = Requests(law)

    @made.post("", status_code=201)
    async def make_request(body: RequestIn, caller: SignedIn) -> RequestOut:
        """Correction, or destruction, of something in the record that the patient's token opens."""
        return await requests.ask(caller, body)

    @made.get("")
    async def list_requests(caller: SignedIn) -> list[RequestOut]:
        """The patient's own, newest first; to a manager those that wait for the care provider, longest first."""
        return await (requests.own(caller) if caller.kind == "patient" else requests.waiting(caller))

    @made.post("/{id}/withdraw")
    async def withdraw_request(id: UUID, caller: SignedIn) -> RequestOut:
        """By who may ask, before it is answered."""
        return await requests.withdraw(caller, id)

    @made.post("/{id}/answer")
    async def answer_request(id: UUID, body: SettlingIn, caller: SignedIn) -> RequestOut:
        """By a manager of the care provider that was asked, once."""
        return await requests.answer(caller, id, body)

    return made
