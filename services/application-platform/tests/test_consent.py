"""A patient decides what an app may have, in plain Swedish, and may untick."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from application_platform.apps import wording

SignIn = Callable[..., Awaitable[Response]]
PATIENT = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
WISHED = f"openid fhirUser launch/patient offline_access patient/Condition.rs patient/Observation.rs?category={LAB}"


async def test_the_page_says_in_swedish_what_the_app_wishes(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope=WISHED)

    assert page.status_code == 200
    for words in (
        "Demoappen vill läsa din journal",
        "Diagnoser och besvär",
        "Mätvärden och provsvar",
        "Bara: provsvar.",
    ):
        assert words in page.text
    assert "Hämta uppgifter även när du inte är inloggad" in page.text
    assert "form-action 'self' http://localhost:9090" in page.headers["content-security-policy"]


async def test_what_is_unticked_is_not_granted(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope=WISHED)

    answer = await an_app.answer(browser, page, scope=["patient/Condition.rs"])

    body = await an_app.redeem(browser, answer)
    assert set(body["scope"].split()) == {"launch/patient", "patient/Condition.rs"}
    assert body["patient"] == PATIENT
    assert not {"id_token", "refresh_token"} & body.keys()


async def test_everything_that_stays_ticked_is_granted(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    answer = await an_app.answer(browser, await an_app.ask(browser, scope=WISHED))

    body = await an_app.redeem(browser, answer)
    assert set(body["scope"].split()) == set(WISHED.split())
    assert {"id_token", "refresh_token"} <= body.keys()


@pytest.mark.parametrize(
    "form", [{"decision": "deny"}, {"scope": []}, {"scope": ["offline"]}, {"decision": "x"}], ids=str
)
async def test_a_no_is_told_to_the_app(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, form: dict[str, Any]
) -> None:
    await sign_in(browser, PATIENT)
    answer = await an_app.answer(browser, await an_app.ask(browser, scope=WISHED), **form)

    told = an_app.told(answer)
    assert (told["error"], told["iss"]) == ("access_denied", "http://fvm.test")
    assert told["state"] == "a-state-hard-to-guess"


async def test_a_box_that_was_not_on_the_page_grants_nothing(
    an_app: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope="patient/Condition.rs")

    answer = await an_app.answer(
        browser, page, scope=["patient/Condition.rs", "patient/*.rs", "user/*.cruds", "openid"]
    )

    assert (await an_app.redeem(browser, answer))["scope"] == "patient/Condition.rs"


async def test_a_patient_hands_on_no_more_than_reading(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope="patient/*.cruds user/*.cruds patient/Observation.write")

    assert (await an_app.redeem(browser, await an_app.answer(browser, page)))["scope"] == "patient/*.rs"


async def test_nothing_is_granted_without_the_page(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    told = an_app.told(await an_app.ask(browser, scope="patient/*.rs", prompt="none"))

    assert told["error"] == "interaction_required"


async def test_another_site_cannot_say_yes_for_the_patient(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope="patient/*.rs")
    form = {"asked": an_app.field(page, "asked"), "decision": "allow", "scope": "patient/*.rs"}
    csrf = an_app.field(page, "csrf")

    for headers, data in (
        ({"Origin": "http://evil.test"}, {**form, "csrf": csrf}),
        ({"Origin": "http://fvm.test"}, form),
    ):
        answer = await browser.post("/auth/allow", data=data, headers=headers)
        assert answer.status_code == 403


async def test_the_form_is_checked_as_the_request_was(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)
    page = await an_app.ask(browser, scope="patient/*.rs")
    asked = an_app.field(page, "asked")

    elsewhere = asked.replace("9090", "9999")
    assert (await an_app.answer(browser, page, asked=elsewhere)).status_code == 400
    assert (await an_app.answer(browser, page, asked=asked + "&scope=user%2F%2A.rs")).status_code == 400
    weak = asked.replace("S256", "plain")
    assert an_app.told(await an_app.answer(browser, page, asked=weak))["error"] == "invalid_request"


def test_every_right_is_said() -> None:
    [one] = wording.wishes(["patient/Observation.cruds?code=1"])

    assert one.what == "Mätvärden och provsvar"
    assert one.more == "Appen får läsa, lägga till och ändra. Bara: code=1."
    assert wording.wishes(["patient/Basic.r"])[0].what == "Andra uppgifter (Basic)"
