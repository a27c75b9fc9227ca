"""For the machine that runs a demo region: who the demo people are, and tokens for them (never at the gateway)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from application_platform.demo import people as demo_people
from application_platform.demo import tokens as demo_tokens
from application_platform.demo.people import OnlyInDemo
from application_platform.identity import store
from application_platform.identity.model import Assignment
from application_platform.tokens.actions import Office
from kit.problems import Kind, Problem
from kit.web import Tx

_LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
# Headers that a proxy or a browser adds: a request with one of them did not begin on this machine's command line.
_FROM_ELSEWHERE = ("x-forwarded-for", "x-forwarded-proto", "x-envoy-external-address", "origin", "sec-fetch-site")


class NotFromThisMachine(Problem):
    """The internal demo routes answer only a program on the same machine, asking the service's own port."""

    kind = Kind.FORBIDDEN
    code = "application/not-from-this-machine"
    title = "This is answered only on the machine itself"


async def demo_office(request: Request) -> Office:
    """Lets demo regions through, and in them only callers on this machine; gives them what tokens need."""
    office: Office = request.app.state.office
    if not office.demo:
        raise OnlyInDemo
    host = request.client.host if request.client else ""
    if host not in _LOOPBACK or any(name in request.headers for name in _FROM_ELSEWHERE):
        raise NotFromThisMachine
    return office


DemoOffice = Annotated[Office, Depends(demo_office)]

router = APIRouter(prefix="/internal", tags=["internal"])


class DemoCommission(BaseModel):
    """A commission of a demo person."""

    id: str
    unit_name: str
    provider_name: str
    role: str
    active: bool


class DemoPerson(BaseModel):
    """Somebody one may be in a demo region; `patient` is the FHIR resource that goes with a patient."""

    id: str
    kind: Literal["staff", "patient"]
    short_name: str | None
    name: str
    title: str
    personnummer: str | None
    commissions: list[DemoCommission]
    patient: dict[str, Any] | None


class DemoSystem(BaseModel):
    """A system one may be in a demo region."""

    id: str
    name: str


class DemoPeople(BaseModel):
    """Everybody one may be in a demo region."""

    people: list[DemoPerson]
    systems: list[DemoSystem]


def _shown(found: Assignment, at: datetime) -> DemoCommission:
    held = found.commission
    return DemoCommission(
        id=held.id,
        unit_name=held.unit_name,
        provider_name=held.provider_name,
        role=held.role,
        active=found.active(at),
    )


@router.get("/demo-people")
async def list_demo_people(tx: Tx, _: DemoOffice) -> DemoPeople:
    """Who the demo people and systems are; only in demo regions, only for this machine."""
    at = datetime.now(UTC)
    resources = {resource["id"]: resource for resource in demo_people.patients()}
    people = []
    for person, personnummer in await store.list_demo(tx):
        held = [_shown(found, at) for found in await store.assignments(tx, person.id)]
        people.append(
            DemoPerson(
                id=person.id,
                kind=person.kind,
                short_name=person.short_name,
                name=person.name,
                title=person.title,
                personnummer=personnummer,
                commissions=held,
                patient=resources.get(person.id),
            )
        )
    systems = [DemoSystem(id=entry["id"], name=entry["name"]) for entry in demo_people.data()["systems"]]
    return DemoPeople(people=people, systems=systems)


class DemoTokenRequest(BaseModel):
    """`who`: a person's id or short name, or a system; `commission` where the person has several."""

    who: str = "bench"
    hours: float = Field(default=1, gt=0, le=24)
    commission: str | None = None


class DemoToken(BaseModel):
    """An access token that lives longer than others (D19)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    who: str
    scope: str


@router.post("/demo-token")
async def make_demo_token(body: DemoTokenRequest, tx: Tx, office: DemoOffice) -> DemoToken:
    """An access token for a demo person or system; only in demo regions, only for this machine."""
    caller, doors = await demo_tokens.holder(tx, body.who, body.commission, datetime.now(UTC))
    seconds = int(body.hours * 3600)
    issued = office.issuer.access_token(caller, doors, seconds=seconds)
    return DemoToken(
        access_token=issued.token,
        expires_in=seconds,
        who=caller.name,
        scope=" ".join(sorted(caller.scopes)),
    )
