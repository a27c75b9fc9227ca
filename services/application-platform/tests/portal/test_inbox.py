"""The inbox: whose a task is, taking and handing over, normal answers together, and never another patient's."""

from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from application_platform.messages import store as messages
from application_platform.portal.results.inside import all_inside
from application_platform.portal.shell import desk

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
ANNA, BO = "SE0000000001-P001", "SE0000000001-P002"
UNIT = "SE0000000001-1001"
HSA = "urn:oid:1.2.752.29.4.19"
FROM = {"Origin": "http://127.0.0.1"}
ME = desk.Desk(ANNA, UNIT)


def hsa(value: str, name: str) -> dict[str, Any]:
    return {"type": "Practitioner", "identifier": {"system": HSA, "value": value}, "display": name}


def offered(to: dict[str, Any], said: str = "") -> list[dict[str, Any]]:
    parts = [{"url": "to", "valueReference": to}, {"url": "by", "valueReference": hsa(BO, "Bo Ek")}]
    return [
        {"url": "urn:fvm:offered", "extension": [*parts, *([{"url": "said", "valueString": said}] if said else [])]}
    ]


def task(id: str = "t-1", kind: str = "referral", words: str = "Bedöm remiss", **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "urn:fvm:task", "code": kind}], "text": words}
    base = {"resourceType": "Task", "id": id, "status": "requested", "code": code}
    return {**base, "for": {"reference": f"Patient/{TOLVAN}"}, "authoredOn": "2026-11-22T13:10:00+01:00", **more}


async def sent(staff: ClientSession, act: str, *, patient: str = TOLVAN, address: str = TOLVAN, **more: str) -> Any:
    form = {"csrf": "proof", "patient": patient, "act": act, **more}
    return await staff.post(f"/portal/patients/{address}/tasks/t-1", data=form, headers=FROM, allow_redirects=False)


def test_a_task_is_mine_my_units_or_a_colleagues() -> None:
    owners = [hsa(ANNA, "Anna"), hsa(BO, "Bo"), {"reference": f"Organization/{UNIT}"}, {}]
    assert [desk.whose(task(owner=one), ME) for one in owners] == ["mine", "others", "unit", "unit"]


def test_what_is_offered_to_me_or_my_unit_is_seen_wherever_it_lies() -> None:
    elsewhere = {"owner": {"reference": "Organization/SE-OTHER"}}
    assert desk.of_others(task(**elsewhere), ME)
    for to in (hsa(ANNA, "Anna"), {"reference": f"Organization/{UNIT}"}):
        assert not desk.of_others(task(**elsewhere, extension=offered(to)), ME)
    assert desk.of_others(task(**elsewhere, extension=offered(hsa(BO, "Bo"))), ME)


async def test_what_a_colleague_has_is_counted_apart(staff: ClientSession, platform: Any) -> None:
    platform.add(task("a", owner=hsa(BO, "Bo Ek")), task("b", owner=hsa(ANNA, "Anna Lind")), task("c"))
    body = await (await staff.get("/portal/inbox")).text()
    for chip in ("Enhetens och mina 3", "Mina 1", "Hos kollegor 1"):
        assert chip in body
    others = await (await staff.get("/portal/inbox?vem=kollegor")).text()
    assert "ansvarig Bo Ek" in others


@pytest.mark.parametrize(
    ("kind", "focus", "within"),
    [
        ("referral", "ServiceRequest/r-1", "/orders/r-1"),
        ("renewal", "MedicationRequest/m-1", "/medicines?fornya=m-1#basket"),
        ("message", "Communication/c-1", "/messages/c-1"),
        ("countersign", "DocumentReference/d-1", "/notes/d-1"),
        ("unsigned", "DocumentReference/d-1", "/notes/d-1/edit"),
    ],
)
async def test_a_row_of_each_kind_leads_to_where_it_is_done(
    staff: ClientSession, platform: Any, kind: str, focus: str, within: str
) -> None:
    platform.add(task(kind=kind, focus={"reference": focus}))
    assert f'href="/portal/patients/{TOLVAN}{within}"' in await (await staff.get("/portal/inbox")).text()


async def test_a_task_is_taken_as_the_reader_for_its_patient(staff: ClientSession, served: Any, platform: Any) -> None:
    platform.add(task())
    body = await (await staff.get("/portal/inbox?val=t-1")).text()
    assert "Ta uppgiften" in body
    answer = await sent(staff, "claim")
    assert answer.status == 303
    assert (served.vis.acts, served.vis.contexts[-1]) == ([("claim", {"key": "Task/t-1"})], TOLVAN)
    assert "Uppgiften är din." in await (await staff.get(answer.headers["location"])).text()


async def test_a_task_is_handed_over_to_a_colleague_with_words_and_to_nobody_unknown(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(task(owner=hsa(ANNA, "Anna Lind")))
    assert (await sent(staff, "hand-over", to="SE-NOBODY", comment="Hej")).status == 422
    assert served.vis.acts == []
    refused = await (await sent(staff, "hand-over", to="", comment="Ring <b>i dag</b>")).text()
    assert "Ring &lt;b&gt;i dag&lt;/b&gt;</textarea>" in refused
    assert (await sent(staff, "hand-over", to=BO, comment="Ring i dag")).status == 303
    (name, values) = served.vis.acts[0]
    assert (name, values["to"]["identifier"]["value"], values["comment"]) == ("hand-over", BO, "Ring i dag")


async def test_an_offer_is_shown_to_whom_it_is_for_with_yes_and_no(staff: ClientSession, platform: Any) -> None:
    platform.add(task(owner=hsa(BO, "Bo Ek"), extension=offered(hsa(ANNA, "Anna Lind"), "Jag går hem")))
    body = await (await staff.get("/portal/inbox?val=t-1")).text()
    for word in ("Erbjuden dig", "Ta emot uppgiften", "Tacka nej", "Jag går hem"):
        assert word in body
    platform.add(task(owner=hsa(ANNA, "Anna Lind"), extension=offered(hsa(BO, "Bo Ek"))))
    mine = await (await staff.get("/portal/inbox?val=t-1")).text()
    assert "Ta tillbaka erbjudandet" in mine
    assert "Tacka nej" not in mine


async def test_an_unsigned_note_has_no_hand_over(staff: ClientSession, platform: Any) -> None:
    platform.add(task(kind="unsigned", owner=hsa(ANNA, "Anna Lind"), focus={"reference": "DocumentReference/d"}))
    assert "Lämna över" not in await (await staff.get("/portal/inbox?val=t-1")).text()


async def test_what_vis_refuses_is_told_at_the_task_and_its_absence_is_loud(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(task())
    served.vis.refusal = "Uppgiften är redan tagen av Bo Ek. Läs om sidan"
    refused = await sent(staff, "claim")
    assert (refused.status, "redan tagen av Bo Ek" in await refused.text()) == (422, True)
    served.vis.away = True
    away = await sent(staff, "claim")
    assert (away.status, "Inget är gjort: vårdsystemet svarar inte." in await away.text()) == (503, True)


async def test_no_task_is_touched_from_a_form_of_another_patient(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(task())
    wrong = await sent(staff, "claim", patient=STINA)
    assert (wrong.status, "annan patient" in await wrong.text()) == (422, True)
    assert served.vis.acts == []


async def test_counting_opens_nobodys_record(platform: Any, serve: Any, demo: Any) -> None:
    """What is asked every half minute must not stand in patients' logs: counts are asked for, no resource is read."""
    platform.add(task("a", owner=hsa(BO, "Bo Ek")), task("b", owner=hsa(ANNA, "Anna Lind")), task("c"))
    platform.add(
        task("d", owner={"reference": f"Organization/{UNIT}"}), task("e", owner={"reference": "Organization/SE-X"})
    )
    async with (
        serve(platform, db=demo.db) as served,
        ClientSession(served.url, cookies={"who": "staff"}, cookie_jar=CookieJar(unsafe=True)) as staff,
    ):
        async with demo.db.transaction() as tx:
            letters = await messages.waiting(tx, UNIT)  # what other tests left there
        told = await (await staff.get("/portal/inbox/count")).json()
        assert told == {"count": 4 + letters}  # mine, the unit's, nobody's, and the ward's own of nobody
        assert {path for _, path, _ in platform.asked} == {"/fhir/Task/_search"}
        platform.broken = {"Task"}
        assert await (await staff.get("/portal/inbox/count")).json() == {"count": None}


async def test_a_count_that_could_not_be_made_is_no_number(staff: ClientSession) -> None:
    assert await (await staff.get("/portal/inbox/count")).json() == {"count": None}  # no database for messages


async def test_patients_have_none_of_it(tolvan: ClientSession) -> None:
    for address in ("/portal/inbox", "/portal/inbox/count", "/portal/inbox/normal", "/portal/unsigned"):
        assert (await tolvan.get(address)).status == 404
    assert (await sent(tolvan, "claim")).status == 404


def a_value(number: float | str = 4.0, **more: Any) -> dict[str, Any]:
    interval = {"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.0, "unit": "mmol/L"}}
    base = {"resourceType": "Observation", "id": "o", "status": "final", "referenceRange": [interval]}
    return {**base, "valueQuantity": {"value": number, "unit": "mmol/L"}, **more}


def a_report(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "result": [{"reference": "Observation/o"}],
        **more,
    }


def test_only_plain_numbers_within_their_own_limits_are_inside() -> None:
    assert all_inside(a_report(), {"Observation/o": a_value()})
    edge = [a_value(3.5), a_value(5.0), a_value(4, interpretation=[{"coding": [{"code": "N"}]}])]
    assert all(all_inside(a_report(), {"Observation/o": one}) for one in edge)


@pytest.mark.parametrize(
    "value",
    [
        a_value(3.49),
        a_value(5.01),
        a_value(4, interpretation=[{"coding": [{"code": "H"}]}]),
        a_value(4, status="preliminary"),
        a_value(4, note=[{"text": "Hemolys"}]),
        a_value(4, referenceRange=[]),
        a_value(4, referenceRange=[{"text": "3,5–5,0"}]),
        a_value(4, referenceRange=[{"high": {"value": 5.0, "unit": "mg/L"}}]),
        a_value(
            4, referenceRange=[{"type": {"coding": [{"code": "critical"}]}, "high": {"value": 5, "unit": "mmol/L"}}]
        ),
        a_value(4, valueQuantity={"value": 4, "unit": "mmol/L", "comparator": "<"}),
        a_value("NaN"),
        {"resourceType": "Observation", "id": "o", "status": "final", "valueString": "ingen växt"},
        a_value(4, dataAbsentReason={"text": "Hemolys"}),
    ],
)
def test_anything_else_is_read_one_by_one(value: dict[str, Any]) -> None:
    assert not all_inside(a_report(), {"Observation/o": value})


def test_a_report_with_words_a_missing_value_or_a_correction_is_read_by_itself() -> None:
    held = {"Observation/o": a_value()}
    for more in ({"conclusion": "Ua"}, {"status": "corrected"}, {"result": []}, {"presentedForm": [{"data": "eA=="}]}):
        assert not all_inside(a_report(**more), held)
    assert not all_inside(a_report(result=[{"reference": "Observation/o"}, {"reference": "Observation/p"}]), held)


@pytest.fixture
def two(platform: Any) -> None:
    """A normal answer of each of two patients, and one that is not."""
    for id, patient, number in (("n1", TOLVAN, 4.0), ("n2", STINA, 4.2), ("n3", STINA, 6.1)):
        subject = {"subject": {"reference": f"Patient/{patient}"}}
        platform.add(
            {**a_value(number, code={"text": "P-Kalium"}), "id": f"o-{id}", **subject},
            a_report(result=[{"reference": f"Observation/o-{id}"}], code={"text": f"Svar {id}"})
            | {"id": id, **subject},
            task(f"t-{id}", "result", "Vidimera svar", focus={"reference": f"DiagnosticReport/{id}"})
            | {"for": {"reference": f"Patient/{patient}"}},
        )


async def several(staff: ClientSession, *names: str) -> Any:
    data = [("csrf", "proof"), *(("one", name) for name in names)]
    return await staff.post("/portal/inbox/normal", data=data, headers=FROM)


async def test_normal_answers_are_listed_with_their_patients_and_no_others(staff: ClientSession, two: None) -> None:
    body = await (await staff.get("/portal/inbox/normal")).text()
    assert f'value="{TOLVAN} n1 1"' in body
    assert f'value="{STINA} n2 1"' in body
    assert "Svar n3" not in body
    assert "checked" not in body.split("<form")[-1]


async def test_each_that_is_ticked_is_one_acknowledgement_of_its_own_patient(
    staff: ClientSession, served: Any, two: None
) -> None:
    answer = await several(staff, f"{TOLVAN} n1 1", f"{STINA} n2 1")
    assert (answer.status, "2 svar vidimerade." in await answer.text()) == (200, True)
    assert [(name, values["key"], values["version"]) for name, values in served.vis.acts] == [
        ("acknowledge", "DiagnosticReport/n1", "1"), ("acknowledge", "DiagnosticReport/n2", "1"),
    ]  # fmt: skip
    assert served.vis.contexts[-2:] == [TOLVAN, STINA]


@pytest.mark.parametrize("name", [f"{STINA} n1 1", f"{TOLVAN} n1 2", f"{STINA} n3 1", f"{TOLVAN} unknown 1"])
async def test_what_is_not_as_it_was_shown_is_not_acknowledged(
    staff: ClientSession, served: Any, two: None, name: str
) -> None:
    answer = await several(staff, name)
    assert (answer.status, served.vis.acts) == (409, [])
    assert "1 svar är inte vidimerade." in await answer.text()


async def test_one_that_vis_refuses_is_told_and_the_others_are_done(
    staff: ClientSession, served: Any, two: None
) -> None:
    served.vis.refusal = "Svaret är redan vidimerat av Bo Ek. Läs om sidan"
    answer = await several(staff, f"{TOLVAN} n1 1")
    text = await answer.text()
    assert (answer.status, "TOLVANSSON, Tolvan: Svaret är redan vidimerat av Bo Ek" in text) == (409, True)
    served.vis.refusal, served.vis.away = "", True
    assert "INTE vidimerat" in await (await several(staff, f"{TOLVAN} n1 1")).text()


async def test_my_unsigned_notes_and_drafts_are_in_one_list(staff: ClientSession, served: Any, platform: Any) -> None:
    platform.add(
        task(
            "mine", "unsigned", "Signera anteckning", owner=hsa(ANNA, "A"), focus={"reference": "DocumentReference/d-1"}
        ),
        task("his", "unsigned", "Signera anteckning", owner=hsa(BO, "B"), focus={"reference": "DocumentReference/d-2"}),
    )
    draft = {"id": "u-1", "patient": STINA, "title": "Epikris", "text": "x", "version": 1, "state": "open"}
    served.vis.drafts["u-1"] = {**draft, "at": "2026-11-26T10:00:00Z", "note": ""}
    body = await (await staff.get("/portal/unsigned")).text()
    assert f"/portal/patients/{TOLVAN}/notes/d-1/edit" in body
    assert "d-2" not in body
    assert f"/portal/patients/{STINA}/notes/drafts/u-1" in body
    assert "EJ KONTROLLERAD" not in body  # messages, which nobody could be asked for, are no notes
    served.vis.away = True
    assert "EJ KONTROLLERAD" in await (await staff.get("/portal/unsigned")).text()
