"""Apps are opened about a patient: from a page of ours, or by themselves with a choice; the token answer says about whom."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import KeySet

from application_platform.apps import launching
from application_platform.tokens import launches
from application_platform.tokens.launches import Context, WrongContext
from kit.auth import Verifier

SignIn = Callable[..., Awaitable[Response]]
DOCTOR, NURSE = "SE0000000001-P001", "SE0000000001-P002"
PATIENT = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
VIS = "http://fvm.test/vis/fhir"
HERE = {"Sec-Fetch-Site": "same-origin"}


async def opened(browser: AsyncClient, **asked: str) -> dict[str, str]:
    """What the app hears at its launch address."""
    answer = await browser.get("/auth/launch", params={"app": "demo-app", **asked}, headers=HERE)
    assert answer.status_code == 303, answer.text
    address = urlsplit(answer.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://localhost:9090/launch"
    return {name: values[0] for name, values in parse_qs(address.query).items()}


async def test_a_chart_opens_an_app_about_its_patient(
    demo: Any, an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    told = await opened(browser, patient="p1", encounter="e-p1", intent="ordination")
    assert told["iss"] == VIS

    scope = "launch openid fhirUser patient/Observation.rs user/Patient.rs"
    answer = await an_app.ask(browser, launch=told["launch"], aud=told["iss"], scope=scope)
    body = await an_app.redeem(browser, answer)

    assert (body["patient"], body["encounter"], body["intent"]) == ("p1", "e-p1", "ordination")
    assert body["need_patient_banner"] is True
    assert body["smart_style_url"].startswith("http://fvm.test/auth/style/")
    assert set(body["scope"].split()) == set(scope.split())
    verifier = Verifier("http://keys.invalid", "http://fvm.test", VIS)
    verifier.use(demo.office.issuer.ring.jwks())
    caller = await verifier.caller(body["access_token"])
    assert (caller.kind, caller.patient, caller.commission is not None) == ("staff", "p1", True)


async def test_introspection_says_the_same_context_as_the_token_answer(
    demo: Any, an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    told = await opened(browser, patient="p1", encounter="e-p1", intent="ordination")
    answer = await an_app.ask(browser, launch=told["launch"], aud=VIS, scope="launch openid fhirUser user/*.rs")
    body = await an_app.redeem(browser, answer)

    data, own = {"token": body["access_token"]}, ("information", demo.secret("information"))
    seen = (await browser.post("/auth/introspect", data=data, auth=own)).json()

    context = ("patient", "encounter", "intent", "need_patient_banner", "smart_style_url")
    assert {name: seen[name] for name in context} == {name: body[name] for name in context}
    assert (seen["iss"], seen["sub"], seen["client_id"]) == ("http://fvm.test", DOCTOR, "demo-app")
    assert seen["fhirUser"] == f"{VIS}/Practitioner/{DOCTOR}"
    assert seen["exp"] - seen["iat"] == body["expires_in"]


async def test_the_id_token_says_who_the_person_is_in_fhir(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    keys = KeySet.import_key_set((await browser.get("/auth/jwks")).json())
    for person, url in (
        (DOCTOR, f"http://fvm.test/fhir/Practitioner/{DOCTOR}"),
        (PATIENT, f"http://fvm.test/fhir/Patient/{PATIENT}"),
    ):
        await sign_in(browser, person)
        answer = await an_app.ask(browser, scope="openid fhirUser")
        if answer.status_code == 200:
            answer = await an_app.answer(browser, answer)
        claims = jwt.decode((await an_app.redeem(browser, answer))["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["fhirUser"], claims["profile"]) == (url, url)
        assert len(claims["sub"]) <= 255


async def test_a_launch_is_one_persons_one_apps_one_doors_and_used_once(
    demo: Any, an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    told = await opened(browser, patient="p1")
    async with demo.browser() as other:
        await sign_in(other, NURSE)
        stolen = an_app.told(await an_app.ask(other, launch=told["launch"], aud=VIS, scope="launch user/*.rs"))
        assert stolen["error"] == "invalid_request"
    elsewhere = an_app.told(await an_app.ask(browser, launch=told["launch"], scope="launch user/*.rs"))
    assert elsewhere["error"] == "invalid_request"

    assert "code" in an_app.told(await an_app.ask(browser, launch=told["launch"], aud=VIS, scope="launch user/*.rs"))
    twice = an_app.told(await an_app.ask(browser, launch=told["launch"], aud=VIS, scope="launch user/*.rs"))
    assert twice["error"] == "invalid_request"


async def test_a_launch_grows_old(demo: Any, an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    told = await opened(browser, patient="p1")
    async with demo.db.transaction() as tx:
        await tx.execute(launches.launch.update().values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    assert an_app.told(await an_app.ask(browser, launch=told["launch"], aud=VIS))["error"] == "invalid_request"


async def test_an_app_is_not_opened_about_a_patient_who_may_not_be_shown(
    record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    record.hidden.add("p2")
    for asked in ({"patient": "p2"}, {"patient": "p1", "encounter": "e-p2"}, {"patient": "../p1"}):
        answer = await browser.get("/auth/launch", params={"app": "demo-app", **asked}, headers=HERE)
        assert answer.status_code == 404, asked


async def test_another_site_does_not_choose_the_patient(record: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.test"}):
        answer = await browser.get("/auth/launch", params={"app": "demo-app", "patient": "p1"}, headers=headers)
        assert answer.status_code == 403


async def test_a_patient_opens_an_app_about_nobody_else(
    an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    record.patients[PATIENT] = {"resourceType": "Patient", "id": PATIENT, "name": [{"family": "Bergström"}]}
    await sign_in(browser, PATIENT)
    told = await opened(browser, patient="p1")
    assert told["iss"] == "http://fvm.test/fhir"

    page = await an_app.ask(browser, launch=told["launch"], scope="launch patient/*.rs")
    assert (await an_app.redeem(browser, await an_app.answer(browser, page)))["patient"] == PATIENT


async def test_an_app_by_itself_lets_staff_choose_patient_and_visit(
    an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    scope = "launch/patient launch/encounter patient/Observation.read"
    page = await an_app.ask(browser, scope=scope)
    assert "Vilken patient gäller det?" in page.text
    hits = await an_app.answer(browser, page, to="/auth/allow/patients", q="Anders")
    assert "ANDERSSON, Test" in hits.text
    assert "BERG" not in hits.text

    visits = await an_app.answer(browser, hits, patient="p1")
    assert "Vilket besök gäller det?" in visits.text
    assert "e-p2" not in visits.text
    body = await an_app.redeem(browser, await an_app.answer(browser, visits, patient="p1", encounter="e-p1"))

    assert (body["patient"], body["encounter"]) == ("p1", "e-p1")
    assert set(body["scope"].split()) == set(scope.split())  # version 1 stays version 1


async def test_a_visit_need_not_be_chosen(an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    page = await an_app.ask(browser, scope="launch/patient launch/encounter user/*.rs")
    visits = await an_app.answer(browser, page, patient="p1")
    body = await an_app.redeem(browser, await an_app.answer(browser, visits, patient="p1", encounter="/"))

    assert (body["patient"], body["scope"]) == ("p1", "launch/patient user/*.rs")
    assert "encounter" not in body


@pytest.mark.parametrize("form", [{"patient": "p2"}, {"patient": "p1", "encounter": "e-p2"}, {"patient": ""}], ids=str)
async def test_who_may_not_be_shown_cannot_be_chosen(
    an_app: Any, record: Any, browser: AsyncClient, sign_in: SignIn, form: dict[str, str]
) -> None:
    record.hidden.add("p2")
    await sign_in(browser, DOCTOR)
    page = await an_app.ask(browser, scope="launch/patient launch/encounter user/*.rs")

    answer = await an_app.answer(browser, page, **form)

    assert answer.status_code == 200
    assert "Patienten kan inte visas i ditt uppdrag" in answer.text


async def test_without_a_patient_in_mind_nothing_is_asked(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    body = await an_app.redeem(browser, await an_app.ask(browser, scope="launch user/*.rs"))

    assert body["scope"] == "user/*.rs"  # nothing was launched, so the scope of a launch is not granted
    assert not {"patient", "encounter", "need_patient_banner", "intent"} & body.keys()


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"reference": "Patient/p1"},
        {"reference": "Encounter/e1"},
        {"reference": "http://elsewhere.test/Observation/1"},
        {"reference": "Observation/1", "role": ""},
        {"reference": "Observation/1", "role": "relative"},
        {"type": "Observation"},
    ],
    ids=str,
)
def test_a_context_that_smart_forbids_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(WrongContext):
        Context(fhir_context=[item])


def test_other_contexts_may_be_given() -> None:
    other = {"reference": "Patient/p2", "role": "https://fvm.example/role/sibling"}
    canonical = {"canonical": "http://fvm.example/Questionnaire/q|1", "type": "Questionnaire"}

    assert Context(fhir_context=[{"reference": "ImagingStudy/1"}, canonical, other]).fhir_context[2] == other


async def test_fhir_context_travels_to_the_app(demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    item = {"reference": "ImagingStudy/1"}
    async with demo.db.transaction() as tx:
        session = (await launches_of(tx))[0]
        place = {"session_id": session, "client_id": "demo-app", "door": "information"}
        opaque = await launches.begin(tx, Context(patient="p1", fhir_context=[item]), **place, at=datetime.now(UTC))
    body = await an_app.redeem(browser, await an_app.ask(browser, launch=opaque, scope="launch user/*.rs"))

    assert body["fhirContext"] == [item]


async def launches_of(tx: Any) -> list[str]:
    import sqlalchemy as sa

    from application_platform.identity.sessions import browser_session

    latest = sa.select(browser_session.c.id).order_by(browser_session.c.created_at.desc())
    return list((await tx.execute(latest)).scalars().all())


async def test_pages_know_which_apps_can_be_opened(demo: Any) -> None:
    async with demo.db.transaction() as tx:
        for kind in ("staff", "patient"):
            assert "demo-app" in [one.id for one in await launching.apps_for(tx, kind, demo=True)]
        assert "demo-app" not in [one.id for one in await launching.apps_for(tx, "staff", demo=False)]
