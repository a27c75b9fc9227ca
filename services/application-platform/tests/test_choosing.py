"""Whom one may be at development sign-in: staff by unit, patients apart, found by typing with and without script."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from httpx2 import Response

from application_platform.demo.people import data

SignIn = Callable[..., Awaitable[Response]]
ORIGIN = {"Origin": "http://fvm.test"}


async def typed(demo: Any, named: str) -> Response:
    """What somebody without script gets who writes this and presses the button."""
    async with demo.browser() as browser:
        page = (await browser.get("/auth/sign-in")).text
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None
        form = {"named": named, "csrf": csrf[1]}
        answer: Response = await browser.post("/auth/sign-in", data=form, headers=ORIGIN)
        return answer


def units(page: str) -> dict[str, list[str]]:
    """The people of each unfoldable unit, by name."""
    found = re.findall(r'class="unit__name">([^<]+)</span>(.*?)</details>', page, re.DOTALL)
    return {name: re.findall(r'choice__name">([^<]+)<', rows) for name, rows in found}


async def test_staff_stand_at_their_unit_and_patients_apart(demo: Any) -> None:
    async with demo.browser() as browser:
        page = (await browser.get("/auth/sign-in")).text
    found = units(page)
    assert "Anna Lind" in found["Medicinmottagningen Norrby"]
    assert "Farid Nouri" in found["Vårdcentralen Sjövik"]
    assert found["Utan uppdrag som gäller"] == ["Agneta Wall", "Elin Sand"]
    people = [name for names in found.values() for name in names]
    assert len(people) == len(set(people)) == len(data()["staff"])
    patients = page.partition('id="patients"')[2]
    assert len(re.findall(r'choice__name">', patients)) == len(data()["patients"])
    assert re.findall(r'<details class="unit" data-unit( open)?>', page).count(" open") == 1


async def test_a_name_that_is_typed_signs_in_without_script(demo: Any) -> None:
    for named in ("Anna Lind", "anna lind", "Anna Lind – Läkare, Medicinmottagningen Norrby", "biomedicinsk"):
        answer = await typed(demo, named)
        assert (answer.status_code, answer.headers["location"]) == (303, "/portal/"), named


async def test_what_fits_several_shows_them_unfolded_and_says_so(demo: Any) -> None:
    answer = await typed(demo, "barnmorska")
    assert answer.status_code == 404
    assert "Det är inte en person. Välj någon i listan." in answer.text
    assert units(answer.text) == {"Kvinnokliniken Norrby": ["Cecilia Frisk", "Daniela Mircea"]}
    assert 'value="barnmorska"' in answer.text


async def test_what_fits_nobody_says_so_and_leads_back_to_everybody(demo: Any) -> None:
    answer = await typed(demo, "<Zebulon>")
    assert answer.status_code == 404
    assert "Ingen i testmiljön heter så" in answer.text
    assert 'href="/auth/sign-in?again=true"' in answer.text
    assert "<Zebulon>" not in answer.text


async def test_nothing_typed_and_nobody_chosen_is_told(demo: Any) -> None:
    answer = await typed(demo, "  ")
    assert answer.status_code == 404
    assert "Välj någon i listan" in answer.text
