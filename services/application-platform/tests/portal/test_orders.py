"""Orders and referrals on the staff's pages: ordered together, assessed, never lost; and the patient's own page."""

import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.identity.api import Unit
from application_platform.portal.bookings import at_vis
from application_platform.portal.referrals import asking

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
ORDERS = f"/portal/patients/{TOLVAN}/orders"
BASKET = "11111111-2222-4333-8444-555555555555"
HEADERS = {"Origin": "http://127.0.0.1"}
UNITS = (
    Unit(unit="SE-OGON", name="Ögonmottagningen", provider="SE0000000001-0001", provider_name="Region Norr"),
    Unit(unit="SE-SJOVIK", name="Vårdcentralen Sjövik", provider="SE0000000002-0001", provider_name="Hälsoakuten AB"),
)


@pytest.fixture(autouse=True)
def _units(monkeypatch: pytest.MonkeyPatch) -> None:
    async def known(_: Any) -> tuple[Unit, ...]:
        return UNITS

    monkeypatch.setattr(asking, "units_of", known)


def a_referral(id: str = "r-1", state: str = "sent", *, copy: bool = False, **more: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"url": "state", "valueCode": state},
        {"url": "by", "valueReference": {"display": "Eva Öberg"}},
        {"url": "at", "valueDateTime": "2026-11-03T09:00:00+00:00"},
        {"url": "due", "valueDateTime": more.pop("due", "2099-01-31T22:00:00+00:00")},
    ]
    if "words" in more:
        parts.append({"url": "words", "valueString": more.pop("words")})
    flow = {"url": "urn:fvm:flow", "extension": [
        {"url": "point", "valueCode": "A"}, {"url": "at", "valueDateTime": "2026-11-02T09:00:00+00:00"}]}  # fmt: skip
    return {
        "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "filler-order" if copy else "order",
        "category": [{"coding": [{"code": "referral"}]}], "code": {"text": "Ögonbottenfoto"}, "priority": "routine",
        "subject": {"reference": f"Patient/{TOLVAN}"}, "requester": {"display": "Anna Lind"}, "meta": {"versionId": "4"},
        "performer": [{"reference": "Organization/SE-OGON", "display": "Ögonmottagningen"}],
        "reasonCode": [{"text": "Retinopati?"}], "note": [{"text": "Diabetes sedan 2014. <script>alert(1)</script>"}],
        "extension": [{"url": "urn:fvm:referral", "extension": parts}, flow], **more,
    }  # fmt: skip


async def words(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:500]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).split())


async def ordered(staff: ClientSession, *more: tuple[str, str], follow: bool = True, **fields: str) -> ClientResponse:
    form = [("csrf", "proof"), ("id", BASKET), ("patient", fields.pop("patient", TOLVAN)), *fields.items(), *more]
    return await staff.post(ORDERS, data=form, headers=HEADERS, allow_redirects=follow)


def referral_fields(*rows: tuple[str, str, str, str, str]) -> list[tuple[str, str]]:
    names = ("unit", "what", "question", "background", "priority")
    return [pair for row in rows for pair in zip(names, row, strict=True)]


async def acted(staff: ClientSession, id: str, act: str, *, follow: bool = True, **fields: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "version": "4", "act": act, **fields}
    return await staff.post(f"{ORDERS}/{id}", data=form, headers=HEADERS, allow_redirects=follow)


async def test_many_tests_and_a_referral_are_ordered_by_one_signature(staff: ClientSession, served: Any) -> None:
    referral = referral_fields(("SE-OGON", "Ögonbottenfoto", "Retinopati?", "Diabetes sedan 2014.", "urgent"))
    for _ in range(2):
        shown = await words(await ordered(staff, ("test", "panel-0"), ("test", "NPU03230"), *referral, speed="stat"))
        assert "Signerat och beställt: 3 beställningar · TOLVANSSON, Tolvan" in shown
    (first, again) = (
        [one["resource"] for one in body["parameter"]] for name, body in served.vis.asked if name == "order"
    )
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert [(one["code"]["text"], one["priority"]) for one in first] == [
        ("Blodstatus", "stat"), ("P-Kalium", "stat"), ("Ögonbottenfoto", "urgent"),
    ]  # fmt: skip
    assert first[2]["performer"] == [{"reference": "Organization/SE-OGON"}]
    assert {one["subject"]["reference"] for one in first} == {f"Patient/{TOLVAN}"}
    assert set(served.vis.contexts) == {TOLVAN}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "Välj minst ett prov eller en undersökning, eller skriv en remiss."),
        ([("test", "imaging-0")], "Skriv frågeställningen till bilddiagnostiken."),
        (
            referral_fields(("", "Ögonbottenfoto", "Retinopati?", "Lång bakgrund.", "routine")),
            "Välj vart remissen ska.",
        ),
        (referral_fields(("SE-OGON", "", "", "Lång bakgrund.", "routine")), "Skriv vad du ber om"),
    ],
)
async def test_what_is_lacking_is_said_at_its_line_and_all_that_was_written_stays(
    staff: ClientSession, served: Any, fields: list[tuple[str, str]], said: str
) -> None:
    answer = await ordered(staff, *fields)
    body = await answer.text()
    assert answer.status == 422
    assert said in unescape(body)
    assert served.vis.asked == []
    assert body.count(" autofocus>") == (0 if not fields else 1)  # at the first field that lacks something
    assert all(value in unescape(body) for name, value in fields if name == "background")
    assert body.count(" checked>") == sum(name == "test" for name, _ in fields)


async def test_what_vis_refuses_names_the_line_and_when_vis_is_away_the_page_says_that_nothing_is_ordered(
    staff: ClientSession, served: Any
) -> None:
    fields = [("test", "panel-0"), *referral_fields(("SE-OGON", "Foto", "Retinopati?", "En lång bakgrund.", "routine"))]
    served.vis.refusal = "Rad 2: Välj en enhet som kan ta emot remissen"
    shown = await words(await ordered(staff, *fields), 422)
    assert "INTE BESTÄLLT. Foto: Välj en enhet som kan ta emot remissen" in shown
    assert "En lång bakgrund." in shown
    served.vis.refusal, served.vis.away = "", True
    shown = await words(await ordered(staff, *fields), 503)
    assert "INTE BESTÄLLT. Vårdsystemet svarar inte. Inget är skickat." in shown
    assert "EJ KONTROLLERAD: det senaste om beställningar" in shown
    assert "En lång bakgrund." in shown


async def test_another_patients_basket_or_act_is_refused_and_nothing_is_done(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_referral(copy=True))
    assert "hör till en annan patient" in await words(await ordered(staff, ("test", "panel-0"), patient=STINA), 422)
    assert "hör till en annan patient" in await words(await acted(staff, "r-1", "accept", patient=STINA), 422)
    assert (served.vis.asked, served.vis.acts) == ([], [])


async def test_the_list_says_what_is_received_under_way_late_in_return_and_over(
    staff: ClientSession, platform: Any
) -> None:
    platform.add(
        a_referral("in", copy=True, code={"text": "Hudbedömning"}),
        a_referral("late", due="2026-11-01T10:00:00+00:00"),
        a_referral("back", "returned", words="Hur är blodtrycket?"),
        a_referral("done", "answered", status="completed"),
        {
            **a_referral("lab"),
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"text": "P-Kalium"},
            "extension": [],
        },
    )
    shown = await words(await staff.get(ORDERS))
    assert "Mottagna remisser 1 Hudbedömning Skickad" in shown
    assert "Beställt och skickat 3 Ögonbottenfoto Försenad Skickad" in shown
    assert "I retur" in shown
    assert "Hur är blodtrycket?" in shown
    assert "P-Kalium Väntar på svar" in shown
    assert "Visa 1 avslutade" in shown


async def test_what_the_region_has_not_got_yet_is_on_its_way_and_without_vis_it_is_not_known(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_referral("known"))
    served.vis.ahead = {"ServiceRequest/new": a_referral("new", code={"text": "Nyss skickad"})}
    shown = await words(await staff.get(ORDERS))
    assert "Nyss skickad Skickad På väg" in shown
    assert shown.count("På väg") == 1
    served.vis.away = True
    shown = await words(await staff.get(ORDERS))
    assert "EJ KONTROLLERAD: det senaste om beställningar" in shown
    assert "Nyss skickad" not in shown


async def test_a_received_referral_is_read_and_assessed(staff: ClientSession, served: Any, platform: Any) -> None:
    platform.add(a_referral(copy=True))
    body = await (await staff.get(f"{ORDERS}/r-1")).text()
    assert "<script>alert(1)" not in body
    shown = await words(await staff.get(f"{ORDERS}/r-1"))
    assert "Frågeställning Retinopati?" in shown
    assert "Diabetes sedan 2014. <script>alert(1)</script>" in shown
    shown = await words(await acted(staff, "r-1", "accept", latest="2099-02-01", priority="urgent", comment="Kallas."))
    assert "Remissen är accepterad." in shown
    key = {"key": "ServiceRequest/r-1"}
    assert served.vis.acts[-1] == (
        "accept",
        {**key, "latest": "2099-02-01", "priority": "urgent", "comment": "Kallas."},
    )
    for name, fields, values in (
        ("return", {"text": "Hur är synen?"}, {"question": "Hur är synen?"}),
        ("answer", {"text": "Inga tecken."}, {"text": "Inga tecken."}),
        ("receive", {}, {}),
    ):
        await acted(staff, "r-1", name, **fields)
        assert served.vis.acts[-1] == (name, {**key, **values})
    onward = await acted(staff, "r-1", "forward", follow=False, unit="SE-SJOVIK")
    assert (onward.status, onward.headers["Location"]) == (303, "/portal/inbox")


async def test_an_accepted_referral_gets_a_time_that_is_booked(
    staff: ClientSession, served: Any, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.add(a_referral("r-1", "accepted", copy=True))
    assert "Boka tid Koppla sedan tiden" in await words(await staff.get(f"{ORDERS}/r-1"))
    visit = {
        "resourceType": "Appointment", "id": "a-1", "status": "booked", "start": "2099-01-20T08:15:00+01:00",
        "end": "2099-01-20T08:45:00+01:00", "description": "Foto", "meta": {},
        "participant": [{"actor": {"reference": f"Patient/{TOLVAN}"}, "status": "accepted"}],
        "subject": {"reference": f"Patient/{TOLVAN}"},
    }  # fmt: skip
    platform.add(visit)
    assert "Vilken tid gäller remissen? Välj bokad tid 2099-01-20 08:15–08:45" in await words(
        await staff.get(f"{ORDERS}/r-1")
    )
    assert "Tiden hör nu till remissen." in await words(await acted(staff, "r-1", "schedule", appointment="a-1"))
    assert served.vis.acts[-1] == ("schedule", {"key": "ServiceRequest/r-1", "appointment": "a-1"})
    platform.add({**visit, "basedOn": [{"reference": "ServiceRequest/r-1"}]})
    shown = await words(await staff.get(f"{ORDERS}/r-1"))
    assert "Bokad tid 2099-01-20 08:15–08:45" in shown
    assert "Vilken tid gäller remissen?" not in shown

    async def away(*_: Any) -> None:
        return None

    monkeypatch.setattr(at_vis, "at_vis", away)
    assert "EJ KONTROLLERAD: bokade tider" in await words(await staff.get(f"{ORDERS}/r-1"))


async def test_the_sender_answers_what_came_back_and_takes_one_back(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_referral("back", "returned", words="Hur är blodtrycket?"))
    shown = await words(await staff.get(f"{ORDERS}/back"))
    assert "Fråga från mottagaren Hur är blodtrycket? Eva Öberg · 2026-11-03 10:00" in shown
    assert "Acceptera remissen" not in shown
    await acted(staff, "back", "send", text="132/84.")
    await acted(staff, "back", "cancel", text="Patienten avstår.")
    assert [(name, values.get("text") or values.get("reason")) for name, values in served.vis.acts] == [
        ("send", "132/84."), ("cancel", "Patienten avstår."),
    ]  # fmt: skip


async def test_a_refused_act_is_told_in_vis_words_and_the_text_is_kept_whatever_vis_shows_now(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_referral(copy=True))
    served.vis.refusal = "Remissen är accepterad. Läs om sidan för att se vad som har hänt"
    shown = await words(await acted(staff, "r-1", "return", text="En lång fråga."), 422)
    assert "INTE GJORT. Remissen är accepterad." in shown
    assert "En lång fråga." in shown
    served.vis.refusal, served.vis.away = "", True
    shown = await words(await acted(staff, "r-1", "answer", text="Ett långt svar."), 503)
    assert "Ett långt svar." in shown
    assert "EJ KONTROLLERAD: beställningen" in shown
    served.vis.away, served.vis.signed_out = False, True
    shown = await words(await acted(staff, "r-1", "answer", text="Ett långt svar."), 401)
    assert "Ett långt svar." in shown


async def test_a_script_gets_the_refusal_and_keeps_the_form_or_the_way_on(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_referral(copy=True))
    form = {"csrf": "proof", "patient": TOLVAN, "version": "4", "act": "answer", "text": "Svar."}
    headers = {**HEADERS, "HX-Request": "true"}
    done = await staff.post(f"{ORDERS}/r-1", data=form, headers=headers)
    assert await done.json() == {"go": f"{ORDERS}/r-1?klar=answer"}
    served.vis.away = True
    refused = await staff.post(f"{ORDERS}/r-1", data=form, headers=headers)
    assert (refused.status, (await refused.json())["words"]) == (503, asking._AWAY)


async def test_without_proof_or_as_a_patient_nothing_is_ordered(
    staff: ClientSession, tolvan: ClientSession, served: Any
) -> None:
    assert (await ordered(staff, ("test", "panel-0"), ("csrf", "x"), patient=TOLVAN, csrf="wrong")).status in (403, 422)
    assert (await tolvan.get(ORDERS)).status == 404
    assert (await ordered(tolvan, ("test", "panel-0"))).status == 404
    assert served.vis.asked == []


async def test_a_patient_sees_where_the_referral_is_and_is_told_when_that_cannot_be_known(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    page = f"/portal/mine/{TOLVAN}/referrals"
    assert "Ingen remiss är på väg" in await words(await tolvan.get(page))
    platform.add(a_referral(), a_referral("copy", copy=True), a_referral("old", "answered", status="completed"))
    body = await (await tolvan.get(page)).text()
    assert 'aria-label="Steg 1 av 5: remissen är skickad."' in body
    shown = await words(await tolvan.get(page))
    assert shown.count("Ögonbottenfoto, Ögonmottagningen") == 2
    assert "Mottagningen bedömer den senast 31 januari 2099." in shown
    platform.broken.add("Appointment")
    assert "Gick inte att hämta: bokade tider" in await words(await tolvan.get(page))
    platform.broken.add("ServiceRequest")
    assert "Ingen remiss" not in await words(await tolvan.get(page))
    assert (await tolvan.get(f"/portal/mine/{STINA}/referrals")).status == 404
    assert (await staff.get(page)).status == 404
