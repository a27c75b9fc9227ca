"""What is closed to a reader is opened by its own door, with its own conditions, once however often a form is sent (EMG-01)."""

import re
from typing import Any

import pytest
from aiohttp import ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"

CHART = f"/portal/patients/{TOLVAN}"
ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


@pytest.fixture(autouse=True)
def patient(platform: Any) -> None:
    platform.add({"resourceType": "Patient", "id": TOLVAN, "name": [{"family": "Tolvansson", "given": ["Tolvan"]}]})


async def sent(staff: ClientSession, door: str, follow: bool = False, **fields: str) -> Any:
    data = {"csrf": "proof", "id": ID, **fields}
    headers = {"Origin": "http://127.0.0.1"}
    return await staff.post(f"{CHART}/access/{door}", data=data, headers=headers, allow_redirects=follow)


async def test_each_reason_has_its_step_on_the_chart_and_every_form_an_id_of_its_own(
    staff: ClientSession, platform: Any
) -> None:
    platform.withheld = ("need-relation", "need-active-choice", "need-consent", "blocked")
    shown = await (await staff.get(CHART)).text()
    for words in ("Intyga vårdrelation", "Visa andra enheters uppgifter", "Patienten samtycker", "häv i nöd"):
        assert words in shown
    ids = re.findall(r'name="id" value="([0-9a-f-]{36})"', shown)
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize(
    ("door", "fields", "address", "expected"),
    [
        ("relation", {"reason": "Besök", "until": "7"}, "relations", {"reason": "Besök", "days": 7, "personal": False}),
        ("choice", {}, "choices", {"hours": 8, "reason": "Behövs för vården av patienten"}),
        ("consent", {"reason": "Muntligt", "ground": "guardian"}, "consents", {"represented_by": "guardian", "until": None}),
        ("emergency", {"reason": "Medvetslös", "ground": "life", "confirmed": "true"}, "emergencies",
         {"ground": "life", "confirmed": True}),
        ("block", {"reason": "Patienten vill", "ground": "outer"}, "blocks", {"kind": "outer", "unit": None}),
        ("lift", {"reason": "Patienten vill", "target": "b-1"}, "blocks/b-1/lift", {"ground": "consent", "confirmed": False}),
        ("end", {"reason": "Ångrat sig", "target": "b-1"}, "acts/b-1/end", {"reason": "Ångrat sig"}),
    ],
)  # fmt: skip
async def test_a_form_becomes_its_act(
    staff: ClientSession, platform: Any, door: str, fields: dict[str, str], address: str, expected: dict[str, Any]
) -> None:
    answer = await sent(staff, door, **fields)
    assert answer.status == 303
    ((taken, body),) = platform.acts
    assert (taken, body["id"]) == (address, ID)
    assert {name: body[name] for name in expected} == expected


async def test_after_a_step_on_the_chart_one_is_back_in_the_journal(staff: ClientSession) -> None:
    assert (await sent(staff, "relation", reason="Besök", until="1")).headers["Location"] == CHART
    assert (await sent(staff, "block", reason="Besök")).headers["Location"] == f"{CHART}/access?klart=block"


async def test_a_refusal_is_told_in_words_at_its_door(staff: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/not-confirmed"
    answer = await sent(staff, "emergency", reason="Medvetslös")
    assert answer.status == 422
    assert "Bekräfta att det är fara för liv eller hälsa." in await answer.text()


async def test_a_form_from_elsewhere_and_a_door_that_is_none_take_no_act(staff: ClientSession, platform: Any) -> None:
    assert (await staff.post(f"{CHART}/access/relation", data={"id": ID, "csrf": "x"})).status == 403
    assert (await sent(staff, "window")).status == 404
    assert platform.acts == []


async def test_a_patient_has_no_such_page(tolvan: ClientSession) -> None:
    assert (await tolvan.get(f"{CHART}/access")).status == 404


async def test_the_page_says_what_is_open_and_what_is_not(staff: ClientSession, platform: Any) -> None:
    platform.state = {
        "relation": True, "choice": True, "consent": True, "assertion": "Emergency",
        "blocks": [
            {"id": "b-1", "kind": "inner", "provider": "SE0000000001-P", "unit": "SE0000000001-U", "lifted": False},
            {"id": None, "kind": None, "provider": None, "unit": None, "lifted": False},
        ],
    }  # fmt: skip
    shown = await (await staff.get(f"{CHART}/access")).text()
    assert "Nödöppning gäller för din enhet." in shown
    assert "SE0000000001-U" in shown
    assert "Vilken visas bara vid fara för liv eller hälsa" in shown
