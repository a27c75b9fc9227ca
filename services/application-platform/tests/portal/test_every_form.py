"""Every form and every page of the portal: about the patient of its address, read and sent by whom it is for, and by nobody else.

The routes are walked, so that a form or a page that is new is asked the same.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, get_args
from uuid import UUID

import pytest
from aiohttp import ClientSession, CookieJar
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from application_platform.portal.live import Hub
from application_platform.portal.mount import mount
from application_platform.portal.reader import Portal

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
ID = "0b7c1a01-8d5c-4b0e-9c1f-2f6f0b7c1a09"
FROM = {"Origin": "http://127.0.0.1"}
TABLES = ("message_thread", "message", "own_entry", "health_form")
READS = ("/news",)  # forms that ask and store nothing
PLACES = {"door": "relation", "kind": "weight", "number": "1", "type": "DocumentReference"}
VALUES = {"csrf": "proof", "id": ID, "panel": ID, "seen": ID, "new": ID, "slot": ID, "version": "1"}
SAYS = re.compile("Formuläret hör(de)? till en annan patient")  # what every refusal of such a form says


def every(routes: Sequence[Any]) -> Iterator[APIRoute]:
    """The routes below these, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from every(getattr(getattr(route, "original_router", None), "routes", ()))


def portal() -> list[APIRoute]:
    app = FastAPI(openapi_url=None)
    mount(app, Portal(None, Hub(), None, care=None))  # type: ignore[arg-type] # only its routes are looked at
    return list(every(app.routes))


FORMS = sorted({route.path for route in portal() if "POST" in route.methods and "{patient}" in route.path})
PAGES = sorted({route.path for route in portal() if "GET" in route.methods and "{address" not in route.path})
ROUTES = {route.path: route for route in portal() if "POST" in route.methods}


def sample(name: str, field: Any) -> str:
    """A value that the field takes."""
    if name in VALUES:
        return VALUES[name]
    kind = field.annotation
    pattern = next((one.pattern for one in field.metadata if getattr(one, "pattern", None)), "")
    first = re.match(r"\^\(([a-z\-]+)", pattern)
    if first:
        return first.group(1)
    named = get_args(kind)
    if named and isinstance(named[0], str):
        return str(named[0])
    return ID if kind is UUID else "1"


def form_of(path: str) -> dict[str, str]:
    """The least that the form may be sent with, without its patient."""
    found = {"csrf": "proof"}
    for param in ROUTES[path].dependant.body_params:
        model = param.field_info.annotation
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        found |= {name: sample(name, field) for name, field in fields.items() if field.is_required()}
    return found


def address(path: str, patient: str) -> str:
    filled = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: PLACES.get(found[1], ID), path.replace("{patient}", patient))
    return f"{filled}?analys=x" if path.endswith("/trend") else filled


@pytest.fixture
async def work(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    """The portal, with a database for what it stores itself, and something of Tolvan's with the id of every address."""
    subject = {"id": ID, "subject": {"reference": f"Patient/{TOLVAN}"}}
    for type in ("DocumentReference", "MedicationRequest", "ServiceRequest", "Appointment"):
        platform.add({"resourceType": type, "status": "active", **subject})
    await demo.db.pool.execute("truncate message, message_thread")
    async with serve(platform, db=demo.db) as found:
        unit = {"unit": "SE0000000001-1001", "subject": "Yrsel", "text": "Hej"}
        assert (await sent(found, "/portal/mine/{patient}/messages/new", "patient", TOLVAN, **unit))[0] == 303
        yield found


async def signed_in(work: Any, who: str) -> ClientSession:
    return ClientSession(work.url, cookies={"who": who}, cookie_jar=CookieJar(unsafe=True))


async def written(work: Any, demo: Any) -> list[Any]:
    """Every trace that an act leaves behind the portal, or in its own tables."""
    kept = [work.vis.acts, list(work.vis.drafts), work.platform.acts, sorted(work.platform.held)]
    rows = [await demo.db.pool.fetchval(f"select count(*) from {table}") for table in TABLES]
    return [list(one) for one in kept] + [rows]


async def sent(work: Any, path: str, who: str, patient: str, *, at: str = TOLVAN, **more: str) -> Any:
    async with await signed_in(work, who) as session:
        form = {**form_of(path), "patient": patient, **more}
        answer = await session.post(address(path, at), data=form, headers=FROM, allow_redirects=False)
        return answer.status, await answer.text()


@pytest.mark.parametrize("path", [path for path in FORMS if not path.endswith(READS)])
async def test_a_form_of_another_patient_than_the_page_is_refused_and_nothing_is_written(
    work: Any, demo: Any, path: str
) -> None:
    who = "patient" if path.startswith("/portal/mine/") else "staff"
    before = await written(work, demo)
    status, body = await sent(work, path, who, STINA)
    assert status in (403, 409, 422), (status, body[:300])
    assert SAYS.search(body), body[-3000:]
    assert await written(work, demo) == before
    _, right = await sent(work, path, who, TOLVAN)
    assert not SAYS.search(right)  # it was refused for its patient, and for nothing else


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_is_taken_from_whom_it_is_not_for(work: Any, demo: Any, path: str) -> None:
    """Staff's forms from a patient, also about themselves; a patient's from staff, and about another from a patient."""
    before = await written(work, demo)
    own = path.startswith("/portal/mine/")
    for who, at in (("staff", TOLVAN), ("patient", STINA)) if own else (("patient", TOLVAN), ("patient", STINA)):
        if path == "/portal/patients/{patient}/news" and at == TOLVAN:
            continue  # what is new in one's own record is asked for there too
        status, body = await sent(work, path, who, at, at=at)
        assert status in (403, 404), (who, at, status, body[-600:])
    assert await written(work, demo) == before


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_is_taken_from_another_site_or_without_its_proof(work: Any, demo: Any, path: str) -> None:
    if path.endswith(READS):
        pytest.skip("it asks, and stores nothing")
    before = await written(work, demo)
    who = "patient" if path.startswith("/portal/mine/") else "staff"
    status, _ = await sent(work, path, who, TOLVAN, csrf="another")
    assert status == 403
    async with await signed_in(work, who) as session:
        form = {**form_of(path), "patient": TOLVAN}
        elsewhere = await session.post(
            address(path, TOLVAN), data=form, headers={"Origin": "https://evil.example"}, allow_redirects=False
        )
    assert elsewhere.status == 403
    assert await written(work, demo) == before


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_shown_to_whom_it_is_for(work: Any, demo: Any, path: str) -> None:
    """Staff's pages refuse a patient, also about themselves; a patient's refuse staff, and a patient about another."""
    theirs = path.startswith("/portal/mine/") or path == "/portal/privacy"
    asked: list[tuple[str, str]] = []
    if path.startswith("/portal/mine/"):
        asked = [("staff", TOLVAN), ("patient", STINA)]
    elif not theirs and path not in ("/portal", "/portal/", "/portal/events", "/portal/search", "/portal/style"):
        asked = [("patient", TOLVAN), ("patient", STINA)]
    for who, at in asked:
        async with await signed_in(work, who) as session:
            answer = await session.get(address(path, at), allow_redirects=False)
            body = await answer.text()
        led = str(answer.headers.get("location", ""))
        if answer.status == 303 and at == TOLVAN and led.startswith(f"/portal/mine/{TOLVAN}"):
            continue  # led to their own page
        assert answer.status in (403, 404), (who, at, answer.status)
        assert "TOLVANSSON" not in body.split("<main")[-1]


async def test_nobody_is_shown_anything_without_a_sign_in(work: Any) -> None:
    async with ClientSession(work.url) as nobody:
        for path in PAGES:
            answer = await nobody.get(address(path, TOLVAN), allow_redirects=False)
            assert answer.status in (302, 303, 401) or path == "/portal", path
            assert "Tolvan" not in await answer.text()
