"""The patient sees who has read, and blocks and consents of their own (PAT-13, LOG-12)."""

from typing import Any

import pytest
from aiohttp import ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
PRIVACY = f"/portal/mine/{TOLVAN}/privacy"
ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
BLOCK = {
    "id": "0a0a0a0a-0000-4000-8000-000000000001", "kind": "block", "at": "2026-11-20T10:00:00Z",
    "block": {"id": "b", "kind": "inner", "provider": "SE-P", "unit": "SE-U"},
}  # fmt: skip
CONSENT = {
    "id": "0a0a0a0a-0000-4000-8000-000000000002",
    "kind": "consent",
    "at": "2026-11-21T10:00:00Z",
    "unit": "SE-V",
}
ACCESS = {
    "accessDate": "2026-11-26T08:30:00+00:00", "careProvider": {"id": "SE-P", "name": "Region Norr"},
    "careUnit": {"id": "SE-U", "name": "Medicinmottagningen"}, "userId": "SE-1", "userName": "Anna Lind", "userTitle": "Läkare",
    "self": False, "purpose": "Vård och behandling", "activity": "Läst", "shown": True,
}  # fmt: skip


async def sent(tolvan: ClientSession, door: str, **fields: str) -> Any:
    data = {"csrf": "proof", "id": ID, "patient": TOLVAN, **fields}
    headers = {"Origin": "http://127.0.0.1"}
    return await tolvan.post(f"{PRIVACY}/{door}", data=data, headers=headers, allow_redirects=False)


async def test_the_patient_reads_who_has_read_and_what_is_in_force(tolvan: ClientSession, platform: Any) -> None:
    ended = {"act": {**CONSENT, "id": "x", "unit": "SE-GONE"}, "in_force": False}
    platform.history = [{"act": BLOCK, "in_force": True}, {"act": CONSENT, "in_force": True}, ended]
    platform.log = {"accesses": [ACCESS], "next": "abc"}
    shown = await (await tolvan.get(PRIVACY)).text()
    for words in (
        "Anna Lind", "läkare", "Medicinmottagningen, Region Norr", "09:30", "26 november", "Det som SE-U har skrivit visas bara där.",
        "SE-V får läsa vad andra vårdgivare har skrivit.", "Visa äldre",
    ):  # fmt: skip
        assert words in shown, words
    assert "SE-GONE" not in shown


async def test_nothing_yet_is_said_in_words(tolvan: ClientSession) -> None:
    shown = await (await tolvan.get(PRIVACY)).text()
    for words in ("Ingen har läst i din journal ännu", "Du har inga spärrar.", "Du har inga samtycken."):
        assert words in shown


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("SE-P|SE-U", {"kind": "inner", "provider": "SE-P", "unit": "SE-U"}), ("SE-P", {"kind": "outer", "provider": "SE-P", "unit": None})],
)  # fmt: skip
async def test_a_block_is_set_and_taken_off(tolvan: ClientSession, platform: Any, owner: str, expected: Any) -> None:
    assert (await sent(tolvan, "block", owner=owner)).headers["Location"] == f"{PRIVACY}?klart=block"
    assert (await sent(tolvan, "end", target=str(BLOCK["id"]))).status == 303
    assert platform.acts == [("blocks", {"id": ID, **expected}), (f"acts/{BLOCK['id']}/end", {"id": ID})]


async def test_a_block_that_the_care_system_has_not_heard_of_is_not_said_to_hold_there(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.taken = {"at_vis": None}
    assert (await sent(tolvan, "block", owner="SE-P")).headers["Location"] == f"{PRIVACY}?klart=later"
    assert "inom kort i vårdens eget system" in await (await tolvan.get(f"{PRIVACY}?klart=later")).text()


async def test_a_refusal_is_told_and_staff_have_no_such_page(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    platform.act_refused = "access/not-yours"
    refused = await sent(tolvan, "block", owner="SE-P")
    assert (refused.status, "Kontakta mottagningen" in await refused.text()) == (422, True)
    assert (await staff.get(PRIVACY)).status == 404
    assert (await tolvan.post(f"{PRIVACY}/block", data={"id": ID, "csrf": "x", "patient": TOLVAN})).status == 403


async def test_emg_04_an_emergency_opening_stands_on_a_line_of_its_own(tolvan: ClientSession, platform: Any) -> None:
    opened = {**ACCESS, "activity": "Läste i nödläge utan samtycke", "activityType": "Nödöppning"}
    platform.log = {"accesses": [ACCESS, {**ACCESS, "activity": "Sökte"}, opened, ACCESS]}
    shown = await (await tolvan.get(PRIVACY)).text()
    assert shown.count("Anna Lind") == 3
    assert "Läst, sökte" in shown


async def test_what_a_reader_did_many_times_in_a_minute_is_said_once(tolvan: ClientSession, platform: Any) -> None:
    platform.log = {"accesses": [{**ACCESS, "activity": one} for one in ("Sökte", "Sökte", "Läst", "Sökte", "Läst")]}
    shown = await (await tolvan.get(PRIVACY)).text()
    assert (shown.count("Anna Lind"), "Sökte, läst." in shown or "Sökte, läst<" in shown) == (1, True)
    assert shown.lower().count("sökte") == 1
