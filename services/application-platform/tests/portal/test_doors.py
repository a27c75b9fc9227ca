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
        ("choice", {}, "choices", {"hours": 8}),
        ("consent", {"reason": "Muntligt", "ground": "guardian"}, "consents", {"represented_by": "guardian", "until": None}),
        ("emergency", {"reason": "Medvetslös", "ground": "life", "confirmed": "true"}, "emergencies",
         {"ground": "life", "confirmed": True,
          "matters": ["upp", "lak", "dia", "caa-gvh", "und", "und-kkm-ure", "und-bdi-ure"]}),
        ("emergency", {"reason": "Medvetslös", "ground": "life", "confirmed": "true", "about": "all"}, "emergencies",
         {"matters": []}),
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


async def test_emg_03_an_emergency_that_is_open_can_be_widened(staff: ClientSession, platform: Any) -> None:
    platform.state = {"consent": True, "assertion": "Emergency"}
    shown = await (await staff.get(f"{CHART}/access")).text()

    assert "Nödöppning gäller för din enhet." in shown
    assert "Fler slags uppgifter behövs i nödläget" in shown
    assert 'name="about" value="all"' in shown
    platform.state = {"consent": True, "assertion": "Consent"}
    assert 'name="about"' not in await (await staff.get(f"{CHART}/access")).text()


async def test_after_a_step_on_the_chart_one_is_back_in_the_journal(staff: ClientSession) -> None:
    assert (await sent(staff, "relation", reason="Besök", until="1")).headers["Location"] == CHART
    assert (await sent(staff, "block", reason="Besök")).headers["Location"] == f"{CHART}/access?klart=block"


async def test_a_refusal_is_told_in_words_at_its_door(staff: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/not-confirmed"
    answer = await sent(staff, "emergency", reason="Medvetslös")
    assert answer.status == 422
    assert "Bekräfta att det är fara för liv eller hälsa." in await answer.text()


@pytest.mark.parametrize("door", ["relation", "consent", "emergency", "reveal", "lift", "block", "end", "cancel"])
async def test_no_reason_is_made_up_where_none_was_written(staff: ClientSession, platform: Any, door: str) -> None:
    answer = await sent(staff, door, reason="   ", ground="life", confirmed="true", target="b-1")
    assert (answer.status, platform.acts) == (422, [])
    assert "Skriv varför" in await answer.text()


@pytest.mark.parametrize("door", ["emergency", "reveal"])
async def test_no_ground_is_made_up_for_an_emergency(staff: ClientSession, platform: Any, door: str) -> None:
    await sent(staff, door, reason="Medvetslös", confirmed="true")
    assert [body["ground"] for _, body in platform.acts] == [""]


@pytest.mark.parametrize(
    ("day", "end"), [("2026-12-24", "2026-12-24T23:59:59+01:00"), ("2027-06-24", "2027-06-24T23:59:59+02:00")]
)
async def test_a_consent_lasts_the_whole_day_in_winter_and_in_summer(
    staff: ClientSession, platform: Any, day: str, end: str
) -> None:
    await sent(staff, "consent", reason="Muntligt", until=day)
    assert [body["until"] for _, body in platform.acts] == [end]


@pytest.mark.parametrize(("door", "until"), [("relation", "ett"), ("consent", "i morgon")])
async def test_what_is_no_time_is_told_at_its_door(staff: ClientSession, platform: Any, door: str, until: str) -> None:
    platform.state = {"relation": False}
    answer = await sent(staff, door, reason="Telefonkontakt", until=until)
    assert (answer.status, platform.acts) == (422, [])
    assert f'id="wrong-{door}"' in await answer.text()


async def test_a_consent_that_has_ended_is_not_called_a_block(staff: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/wrong-block"
    shown = await (await sent(staff, "consent", reason="Muntligt", until="2020-01-01")).text()
    assert ("Välj ett senare datum." in shown, "Spärren saknar något" in shown) == (True, False)


async def test_of_two_blocks_only_the_one_that_was_sent_opens_with_what_was_written(
    staff: ClientSession, platform: Any
) -> None:
    block = {"kind": "inner", "provider": "SE0000000001-0001", "unit": "SE0000000001-U", "lifted": False}
    platform.state, platform.act_refused = {"blocks": [{**block, "id": "b-1"}, {**block, "id": "b-2"}]}, "access/x"
    shown = await (await sent(staff, "end", reason="Ångrat <sig>", target="b-2")).text()
    assert [id for id in ("b-1", "b-2") if f'id="wrong-end{id}"' in shown] == ["b-2"]
    assert shown.count("Ångrat &lt;sig&gt;") == 1
    assert shown.count('<details class="act-more" open>') == 1


async def test_a_refusal_is_told_also_where_its_door_is_gone(staff: ClientSession, platform: Any) -> None:
    platform.state, platform.act_refused = {"relation": True}, "access/id-taken"
    answer = await sent(staff, "relation", reason="Besök", until="1")
    assert "Formuläret är redan skickat." in await answer.text()


@pytest.mark.parametrize(
    ("door", "taken", "words"),
    [
        ("lift", {"kind": "lift"}, "Spärren är hävd för din enhet en tid."),
        ("lift", {"kind": "request", "at_vis": None}, "Begäran är skickad"),
        ("block", {"kind": "block", "at_vis": None}, "i vårdsystemet inom kort"),
        ("cancel", {"kind": "cancel"}, "Spärren är makulerad."),
    ],
)
async def test_what_is_said_afterwards_is_what_happened(
    staff: ClientSession, platform: Any, door: str, taken: dict[str, Any], words: str
) -> None:
    platform.taken = taken
    answer = await sent(staff, door, follow=True, reason="Patienten vill", target="b-1")
    assert (answer.status, words in await answer.text()) == (200, True)


async def test_a_target_never_leads_elsewhere(staff: ClientSession, platform: Any) -> None:
    answer = await sent(staff, "end", reason="Ångrat sig", target="../../tasks/7/answer?")
    assert (answer.status, platform.acts) == (400, [])


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
