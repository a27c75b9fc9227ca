"""Spärr: what may be blocked and by whom, what it hides, how it is lifted, and that nothing of it is ever changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from kit.caller import Commission

Body = Callable[..., dict[str, Any]]


async def post(ward: Any, commission: Commission, patient: str, door: str, body: dict[str, Any], status: int) -> Any:
    async with ward.staff(commission) as staff:
        answer = await staff.post(f"/patients/{patient}/{door}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def state(ward: Any, commission: Commission, patient: str) -> dict[str, Any]:
    async with ward.staff(commission) as staff:
        answer = await staff.get(f"/patients/{patient}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def inner(act: Body, unit: Commission, **more: Any) -> dict[str, Any]:
    return act(kind="inner", provider=unit.provider, unit=unit.unit, **more)


async def test_blk_01_an_inner_block_is_in_force_when_the_command_returns(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.almvik)
    await ward.relate(patient, ward.norrby)
    out = await post(ward, ward.almvik, patient, "blocks", inner(act, ward.almvik), 201)

    assert (await state(ward, ward.norrby, patient))["parts"][0]["state"] == "blocked"
    assert ward.vis.told[-1]["facts"]["blocks"][0]["id"] == out["id"]  # VIS has it before the answer
    assert out["at_vis"] is not None
    # BLK-06: who wrote it sees it.
    await ward.relate(patient, ward.almvik)
    assert (await state(ward, ward.almvik, patient))["parts"][0]["state"] == "permit"


async def test_d9_when_vis_is_away_the_answer_says_so_and_the_event_brings_it(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    ward.vis.there = False
    out = await post(ward, ward.norrby, patient, "blocks", inner(act, ward.norrby), 201)
    key, value = (await ward.events())[-1]

    assert out["at_vis"] is None
    assert "inom kort" in out["text"]
    assert (key, value["facts"]["blocks"][0]["id"]) == (patient, out["id"])


async def test_blk_02_blk_04_an_outer_block_hides_whose_it_is(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.norrby)
    await ward.relate(patient, ward.sjovik)
    await post(ward, ward.norrby, patient, "blocks", act(kind="outer", provider=ward.norrby.provider), 201)
    seen = await state(ward, ward.sjovik, patient)

    assert seen["parts"] == [{"zone": "other-provider", "provider": None, "unit": None, "state": "blocked"}]
    assert seen["blocks"] == [{"id": None, "kind": None, "provider": None, "unit": None, "lifted": False}]
    assert ward.norrby.provider not in str(seen)
    assert seen["next"][0]["doors"] == ["reveals"]


async def test_blk_05_a_block_beats_a_consent(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.norrby)
    await ward.relate(patient, ward.sjovik)
    await post(ward, ward.sjovik, patient, "consents", act(), 201)
    await post(ward, ward.norrby, patient, "blocks", act(kind="outer", provider=ward.norrby.provider), 201)

    assert (await state(ward, ward.sjovik, patient))["parts"][0]["state"] == "blocked"


async def test_blk_03_a_guardian_blocks_nothing_neither_at_a_page_nor_through_staff(ward: Any, act: Body) -> None:
    year = datetime.now(UTC).year - 6
    child, mother = await ward.patient(f"{year}-02-01"), await ward.patient()
    await post(ward, ward.chief, child, "guardians", act(who=mother, reason="Folkbokföring"), 201)
    body = inner(act, ward.norrby)
    async with ward.as_patient(mother, child) as guardian:
        refused = await guardian.post(f"/patients/{child}/blocks", json=body)
    staff = await post(ward, ward.norrby, child, "blocks", {**body, "requested_by": "guardian"}, 403)

    assert (refused.status_code, refused.json()["type"]) == (403, staff["type"])
    assert staff["type"].endswith("access/guardians-do-not-block")
    assert (await ward.facts(child)).blocks == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "inner", "unit": None},
        {"kind": "outer"},
        {"excluded": ["dia"]},
        {"start": "2026-03-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"},
    ],
)
async def test_blk_07_blk_08_a_block_that_the_law_does_not_know_is_refused(
    ward: Any, act: Body, wrong: dict[str, Any]
) -> None:
    patient = await ward.patient()
    body = {**inner(act, ward.norrby), **wrong}
    assert (await post(ward, ward.norrby, patient, "blocks", body, 422))["type"].endswith("access/wrong-block")
    assert (await ward.facts(patient)).blocks == ()


async def test_blk_07_the_fields_of_a_block_are_kept(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    body = inner(
        act, ward.norrby, start="2026-01-01T00:00:00+01:00", end="2026-02-01T00:00:00+01:00", excluded=["lak"],
        reason="Vill inte att andra ser",
    )  # fmt: skip
    out = await post(ward, ward.norrby, patient, "blocks", body, 201)
    async with ward.staff() as staff:
        (line,) = (await staff.get(f"/patients/{patient}/acts")).json()
    (block,) = (await ward.facts(patient)).blocks

    assert (out["id"], block.excluded) == (body["id"], ("lak",))
    assert block.end is not None
    assert block.start is not None
    assert block.end - block.start == 31 * 86_400 * 1_000_000
    assert {line["act"][name] for name in ("requested_by", "commission", "reason")} == {
        "patient", "c-1", "Vill inte att andra ser",
    }  # fmt: skip


async def test_blk_09_a_block_of_a_time_leaves_the_rest_open(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.almvik)
    await ward.relate(patient, ward.norrby)
    await post(ward, ward.norrby, patient, "choices", act(), 201)
    body = inner(act, ward.almvik, start="2020-01-01T00:00:00Z", end="2020-02-01T00:00:00Z")
    await post(ward, ward.almvik, patient, "blocks", body, 201)

    states = [part["state"] for part in (await state(ward, ward.norrby, patient))["parts"]]
    assert sorted(states) == ["blocked", "permit"]


async def test_a_block_is_registered_by_the_provider_whose_information_it_closes(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await post(ward, ward.sjovik, patient, "blocks", inner(act, ward.norrby), 403)
    reader = Commission(
        "c-8", ward.norrby.unit, "N", ward.norrby.provider, "R", "Undersköterska", rights=frozenset(("read",))
    )
    await post(ward, reader, patient, "blocks", inner(act, ward.norrby), 403)
    assert (await ward.facts(patient)).blocks == ()


async def test_blk_10_a_block_never_changes_it_is_cancelled_or_ended_with_all_its_history(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    wrong = await post(ward, ward.norrby, patient, "blocks", inner(act, ward.norrby), 201)
    right = await post(ward, ward.norrby, patient, "blocks", inner(act, ward.norrby), 201)
    await post(ward, ward.norrby, patient, f"acts/{wrong['id']}/cancel", act(reason="Fel patient"), 201)
    await post(ward, ward.norrby, patient, f"acts/{right['id']}/end", act(reason="Patienten ångrade sig"), 201)

    assert (await ward.facts(patient)).blocks == ()
    async with ward.staff() as staff:
        kinds = [line["act"]["kind"] for line in (await staff.get(f"/patients/{patient}/acts")).json()]
    assert kinds == ["end", "cancel", "block", "block"]
    assert await ward.log(patient) == ["block-set", "block-set", "block-void", "block-end", "read"]
    for change in ("update access_act set by = 'x' where patient = $1", "delete from access_act where patient = $1"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await ward.engine.db.pool.execute(change, patient)


async def test_blk_11_emg_01b_an_inner_block_is_lifted_for_a_unit_or_one_person_seven_days_at_most(
    ward: Any, act: Body
) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.almvik)
    await ward.relate(patient, ward.norrby)
    await post(ward, ward.norrby, patient, "choices", act(), 201)
    block = await post(ward, ward.almvik, patient, "blocks", inner(act, ward.almvik), 201)
    door = f"blocks/{block['id']}/lift"

    await post(ward, ward.norrby, patient, door, act(reason="Behövs", ground="consent", hours=169), 422)
    await post(ward, ward.norrby, patient, door, act(reason="Medvetslös", ground="emergency"), 422)
    await post(
        ward,
        ward.norrby,
        patient,
        door,
        act(reason="Medvetslös", ground="emergency", confirmed=True, personal=True),
        201,
    )

    (known,) = (await ward.facts(patient)).blocks
    (revoke,) = known.revokes
    assert (revoke.unit, revoke.ground) == (ward.norrby.unit, "emergency")
    assert revoke.until - datetime.now(UTC) <= timedelta(days=7)
    assert (await state(ward, ward.norrby, patient))["parts"][0]["state"] == "permit"
    async with ward.staff(ward.norrby, subject="SE2321000016-person-2") as colleague:
        theirs = (await colleague.get(f"/patients/{patient}")).json()
    assert theirs["parts"][0]["state"] == "blocked"
    assert "emergency-block" in await ward.log(patient)


async def test_emg_02_an_outer_block_is_revealed_then_asked_for_and_lifted_by_its_owner(ward: Any, act: Body) -> None:
    patient = await ward.patient()
    await ward.fact(patient, ward.norrby)
    await post(ward, ward.sjovik, patient, "consents", act(), 201)
    await ward.relate(patient, ward.sjovik)
    block = await post(ward, ward.norrby, patient, "blocks", act(kind="outer", provider=ward.norrby.provider), 201)
    lifting = act(reason="Livshotande blödning", ground="emergency", confirmed=True, hours=12)

    await post(ward, ward.sjovik, patient, f"blocks/{block['id']}/lift", lifting, 404)  # not revealed yet
    await post(
        ward, ward.sjovik, patient, "reveals", act(reason="Livshotande blödning", ground="life", confirmed=True), 201
    )
    told = await state(ward, ward.sjovik, patient)
    asked = await post(ward, ward.sjovik, patient, f"blocks/{block['id']}/lift", lifting, 202)
    between = await state(ward, ward.sjovik, patient)
    async with ward.staff(ward.norrby, subject="SE0000000001-owner") as owner:
        task = next(one for one in (await owner.get("/tasks")).json() if one["act"] == asked["id"])
        answer = await owner.post(f"/tasks/{task['id']}/answer", json={"outcome": "granted", "note": "Fara för liv"})

    assert [(one["id"], one["provider"]) for one in told["blocks"]] == [(block["id"], ward.norrby.provider)]
    assert datetime.fromisoformat(task["due"]) - datetime.now(UTC) < timedelta(minutes=15)
    assert between["parts"][0]["state"] == "blocked"
    assert (answer.status_code, answer.json()["kind"]) == (200, "lift")
    assert (await state(ward, ward.sjovik, patient))["parts"][0]["state"] == "permit"


async def test_blk_17_an_objection_to_a_quality_register_is_kept_and_told_apart_from_blocks(
    ward: Any, act: Body
) -> None:
    patient = await ward.patient()
    async with ward.as_patient(patient) as own:
        await own.post(f"/patients/{patient}/objections", json=act(to="everything"))
        answer = await own.post(f"/patients/{patient}/objections", json=act(to="quality-register:swedeheart"))
    assert answer.status_code == 201, answer.text
    facts = await ward.facts(patient)
    assert (facts.objections, facts.blocks) == (("quality-register:swedeheart",), ())


async def test_blk_18_blocks_on_either_id_hold_for_both_when_two_persons_are_one(ward: Any, act: Body) -> None:
    one = await ward.patient(number="195009072553")
    other = await ward.patient()
    await post(ward, ward.norrby, one, "blocks", inner(act, ward.norrby), 201)
    await post(ward, ward.almvik, other, "blocks", inner(act, ward.almvik), 201)
    number = {"system": "http://electronichealth.se/identifier/personnummer", "value": "195009072553"}
    await ward.tell(
        {"resourceType": "Patient", "id": other, "birthDate": "1960-05-01", "identifier": [number]}, version=2
    )
    for id in (one, other):
        assert {block.unit for block in (await ward.facts(id)).blocks} == {ward.norrby.unit, ward.almvik.unit}
    key, value = (await ward.events())[-1]
    assert set(value["patients"]) == {one, other}
    assert len(value["facts"]["blocks"]) == 2
    assert key in (one, other)
