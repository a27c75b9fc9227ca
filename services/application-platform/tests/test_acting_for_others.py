"""An app about somebody whom the patient acts for: a guardian's child, or who gave a mandate (PAT-04, PAT-11, FL-04)."""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jws

from kit.problems import Unavailable

SignIn = Callable[..., Awaitable[Response]]
MOTHER = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHILD = "p1"
SCOPE = "openid fhirUser launch/patient patient/*.rs"


class Law:
    """For whom the reader acts, as the information platform says it."""

    def __init__(self) -> None:
        self.acting_for = [{"patient": CHILD, "role": "guardian"}]
        self.away = False

    async def acting(self, token: str) -> list[dict[str, str]]:
        if self.away:
            raise Unavailable
        return self.acting_for


@pytest.fixture
def law(demo: Any, a_record: Any) -> Iterator[Law]:
    found, before = Law(), demo.app.state.portal
    demo.app.state.portal = replace(before, record=a_record, access=found)
    yield found
    demo.app.state.portal = before


def claims(token: str) -> dict[str, Any]:
    return dict(json.loads(jws.extract_compact(token.encode()).payload))


async def test_pat_04_a_guardian_lets_an_app_in_about_the_child_and_stays_who_they_are(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, law: Law
) -> None:
    await sign_in(browser, MOTHER)
    page = await an_app.ask(browser, scope=SCOPE)
    assert "Vems journal gäller det?" in page.text
    assert "ANDERSSON, Test" in page.text

    body = await an_app.redeem(browser, await an_app.answer(browser, page, patient=CHILD))

    assert body["patient"] == CHILD
    assert claims(body["id_token"])["fhirUser"] == f"http://fvm.test/fhir/Patient/{MOTHER}"
    told = claims(body["access_token"])
    assert (told["sub"], told["patient"]) == (MOTHER, CHILD)  # the law decides by both, at each read


@pytest.mark.parametrize("patient", ["p2", "nobody", "../x"])
async def test_nobody_opens_an_app_about_whom_they_do_not_act_for(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, law: Law, patient: str
) -> None:
    await sign_in(browser, MOTHER)
    page = await an_app.ask(browser, scope=SCOPE)

    assert an_app.told(await an_app.answer(browser, page, patient=patient))["error"] == "access_denied"


async def test_who_stopped_acting_while_the_page_was_open_gets_no_code(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, law: Law
) -> None:
    await sign_in(browser, MOTHER)
    page = await an_app.ask(browser, scope=SCOPE)
    law.acting_for = []

    assert an_app.told(await an_app.answer(browser, page, patient=CHILD))["error"] == "access_denied"


async def test_while_the_law_cannot_be_asked_an_app_is_about_oneself(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, law: Law
) -> None:
    law.away = True
    await sign_in(browser, MOTHER)
    page = await an_app.ask(browser, scope=SCOPE)
    assert "Vems journal" not in page.text

    assert (await an_app.redeem(browser, await an_app.answer(browser, page)))["patient"] == MOTHER
