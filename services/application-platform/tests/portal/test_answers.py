"""Vidimering: every state in words, one press and the next, once per version, and never about another patient."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.portal.results import answers
from application_platform.portal.results.acknowledging import REPORTS
from application_platform.portal.timeline import Answer

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
ANSWERS = f"/portal/patients/{TOLVAN}/answers"


@pytest.fixture(autouse=True)
def _whenever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ward's answers are of November 2026, whenever the tests are run."""
    monkeypatch.setattr(answers, "YOUNG", timedelta(days=36_500))


def test_history_owes_nothing_unless_a_task_waits_for_it() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    reports = [
        {"resourceType": "DiagnosticReport", "id": id, "status": "final", "code": {"text": "Prov"}, "issued": f"{day}T08:00:00Z",
         "effectiveDateTime": f"{day}T08:00:00Z"}
        for id, day in (("new", "2026-11-20"), ("old", "2026-08-20"), ("waits", "2026-08-21"))
    ]  # fmt: skip
    bundle = {"entry": [{"resource": one, "search": {"mode": "match"}} for one in reports]}
    task = {"status": "requested", "focus": {"reference": "DiagnosticReport/waits"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "YOUNG", timedelta(days=30))
        found = answers.results([Answer(REPORTS, bundle)], [task], now)
    assert {one.entry.key for one in found} == {"DiagnosticReport/new", "DiagnosticReport/waits"}


async def words(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).split())


async def sent(staff: ClientSession, *, follow: bool = True, **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "report": "rep-1", "version": "1", **more}
    headers = {"Origin": "http://127.0.0.1"}
    return await staff.post(ANSWERS, data=form, headers=headers, allow_redirects=follow)


def a_second(platform: Any) -> None:
    report = {**platform.held["DiagnosticReport/rep-1"], "id": "rep-2", "code": {"text": "Blodstatus"}, "result": []}
    platform.add({**report, "effectiveDateTime": "2026-11-20T08:00:00+01:00"})


async def test_one_answer_is_shown_with_its_values_and_what_comes_next(staff: ClientSession, platform: Any) -> None:
    a_second(platform)
    shown = await words(await staff.get(ANSWERS))
    assert "Provsvar, hjärtsvikt" in shown
    assert "2 svar att vidimera hos patienten" in shown
    assert "P-Kalium 5,2 högt" in shown
    assert "Vidimera och nästa Nästa: Blodstatus, samma patient" in shown


async def test_one_press_acknowledges_the_version_that_was_read_and_shows_the_next(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    a_second(platform)
    shown = await words(await sent(staff))
    assert "Provsvar, hjärtsvikt vidimerat 11:00 · TOLVANSSON, Tolvan" in shown
    assert "Blodstatus" in shown.split("Det sista hos patienten")[0]
    values = {"key": "DiagnosticReport/rep-1", "version": "1", "outcome": "none"}
    assert served.vis.acts == [("acknowledge", values)]
    assert set(served.vis.contexts) == {TOLVAN}


async def test_when_all_is_read_the_page_says_so_and_by_whom(staff: ClientSession) -> None:
    shown = await words(await sent(staff))
    assert "Inget att vidimera" in shown
    assert "Vidimerat Anna Lind 2026-11-26 11:00 · Ingen åtgärd" in shown


async def test_an_answer_that_was_corrected_after_it_was_read_is_to_be_read_again(
    staff: ClientSession, platform: Any
) -> None:
    await sent(staff)
    platform.held["DiagnosticReport/rep-1"]["meta"]["versionId"] = "2"
    assert "Rättat efter vidimering: läs igen" in await words(await staff.get(ANSWERS))


@pytest.mark.parametrize("status", ["preliminary", "registered", "entered-in-error", "cancelled"])
async def test_what_is_not_final_is_not_acknowledged(staff: ClientSession, platform: Any, status: str) -> None:
    platform.held["DiagnosticReport/rep-1"]["status"] = status
    assert "Inget att vidimera" in await words(await staff.get(ANSWERS))


async def test_another_patients_form_is_refused_and_nothing_is_acknowledged(staff: ClientSession, served: Any) -> None:
    assert "hör till en annan patient" in await words(await sent(staff, patient=STINA), 422)
    assert served.vis.acts == []


async def test_what_vis_refuses_is_told_in_its_words_and_the_comment_is_kept(staff: ClientSession, served: Any) -> None:
    served.vis.refusal = "Svaret är redan vidimerat av Samir Haddad. Läs om sidan"
    shown = await words(await sent(staff, comment="Nytt prov i eftermiddag."), 422)
    assert "redan vidimerat av Samir Haddad" in shown
    assert "Nytt prov i eftermiddag." in shown


async def test_when_vis_is_away_it_is_not_known_what_is_read(staff: ClientSession, served: Any) -> None:
    served.vis.away = True
    shown = await words(await staff.get(ANSWERS))
    assert "EJ KONTROLLERAD: vilka svar som är vidimerade" in shown
    assert "Inget att vidimera" not in shown
    assert "INTE vidimerat" in await words(await sent(staff), 503)


async def test_without_proof_or_as_a_patient_nothing_is_acknowledged(
    staff: ClientSession, tolvan: ClientSession, served: Any
) -> None:
    assert (await sent(staff, csrf="wrong")).status == 403
    assert (await tolvan.get(ANSWERS)).status == 404
    assert (await sent(tolvan)).status == 404
    assert served.vis.acts == []
