"""A page of ours opens an app: a link leads to the app's launch address with `iss` and an opaque `launch` (SMART EHR launch).

In a page: `/auth/launch?app=…&patient=…&encounter=…&intent=…` (all but app where there are any); `apps_for` gives the apps.
It is a link and no form, because browsers hold a page's `form-action` against the redirect to the app as well.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.apps import choosing
from application_platform.portal.reader import Portal
from application_platform.sign_in import browser
from application_platform.sign_in.signed_in import CurrentSession
from application_platform.tokens import clients, launches, model, oauth, people
from application_platform.tokens.actions import Office
from application_platform.tokens.clients import Client
from application_platform.tokens.launches import Context
from kit.problems import Kind, Problem
from kit.web import Tx

router = APIRouter(prefix="/auth/launch", tags=["sign-in"], include_in_schema=False)


class NoSuchLaunch(Problem):
    """The app is not registered, not approved, or has no address at which it can be opened."""

    kind = Kind.NOT_FOUND
    code = "application/app-not-to-be-opened"
    title = "There is no such app to open from here"


@dataclass(frozen=True, slots=True)
class Launchable:
    """An app with a button on a page."""

    id: str
    name: str
    about: str


async def apps_for(tx: AsyncConnection, kind: str, *, demo: bool) -> list[Launchable]:
    """The apps that this kind of person (staff, patient) can open from a page of ours, by name."""
    column = clients.client.c
    able = (column.launch_url.is_not(None), column.approved, column.disabled_at.is_(None))
    query = sa.select(column.id, column.name, column.about, column.scopes).where(*able, column.demo.in_((False, demo)))
    wanted = ("patient/",) if kind == "patient" else ("patient/", "user/")
    rows = (await tx.execute(query.order_by(column.name, column.id))).all()
    return [
        Launchable(row.id, row.name, row.about) for row in rows if any(one.startswith(wanted) for one in row.scopes)
    ]


@router.get("")
async def launch(
    request: Request,
    tx: Tx,
    session: CurrentSession,
    app: Annotated[str, Query(max_length=200)],
    patient: Annotated[str, Query(max_length=64)] = "",
    encounter: Annotated[str, Query(max_length=64)] = "",
    intent: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Opens an app about a patient whom this person may see; about nobody when no patient is given."""
    browser.check_origin(request, request.app.state.settings)  # another site must not choose the patient
    office: Office = request.app.state.office
    found = await clients.find(tx, app, demo=office.demo)
    if found is None or not found.approved or found.launch_url is None:
        raise NoSuchLaunch
    about = session.person.id if session.person.kind == "patient" else patient
    portal: Portal = request.app.state.portal
    if about:
        token = request.app.state.session_tokens.of(session.session)
        await choosing.must_be_shown(portal, token, about, encounter or None)
    context = Context(about or None, encounter if about and encounter else None, intent or None)
    door = _door(found, people.doors(session.person))
    opaque = await launches.begin(
        tx, context, session_id=session.id, client_id=found.id, door=door, at=datetime.now(UTC)
    )
    query = urlencode({"iss": office.issuer.url + model.DOORS[door], "launch": opaque})
    joint = "&" if "?" in found.launch_url else "?"
    return RedirectResponse(f"{found.launch_url}{joint}{query}", 303, headers=oauth.NO_STORE)


def _door(app: Client, persons: tuple[str, ...]) -> str:
    """Apps that write launch at VIS, others at the region's record (architecture D11)."""
    doors = [door for door in ("vis", "information") if door in app.doors and door in persons]
    if not doors:
        raise NoSuchLaunch
    writes = any((read := model.data_scope(scope)) and set(read.letters) & set("cud") for scope in app.scopes)
    return doors[0] if writes else doors[-1]
