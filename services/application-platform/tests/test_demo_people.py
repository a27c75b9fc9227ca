"""A demo region knows its people; a production region knows none of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import AsyncClient

from application_platform.demo import people as demo_people
from application_platform.identity import store
from application_platform.tokens import clients
from fhircore.identifiers import PERSONNUMMER, is_test_number
from kit.auth import Verifier
from kit.caller import Caller


async def who(browser: AsyncClient, body: dict[str, Any], door: str = "/fhir") -> Caller:
    answer = await browser.post("/internal/demo-token", json=body)
    assert answer.status_code == 200, answer.text
    verifier = Verifier("http://keys.invalid", "http://fvm.test", f"http://fvm.test{door}")
    verifier.use((await browser.get("/auth/jwks")).json())
    return await verifier.caller(answer.json()["access_token"])


async def test_the_demo_people_are_listed_for_the_machine(browser: AsyncClient) -> None:
    answer = (await browser.get("/internal/demo-people")).json()

    staff = [person for person in answer["people"] if person["kind"] == "staff"]
    patients = [person for person in answer["people"] if person["kind"] == "patient"]
    assert len(staff) >= 40
    assert len(patients) >= 10
    assert all(is_test_number(PERSONNUMMER, person["personnummer"]) for person in patients)
    assert all(person["patient"]["id"] == person["id"] for person in patients)
    held = [one for person in staff for one in person["commissions"]]
    assert {one["unit_name"] for one in held} == {unit["name"] for unit in demo_people.data()["units"].values()}
    assert {one["provider_name"] for one in held} == {"Region Norr", "Hälsoakuten AB", "Norrby kommun"}
    assert {system["id"] for system in answer["systems"]} == {"bench", "lab", "hemsjukvard"}


def test_ids_and_short_names_are_nobody_elses() -> None:
    data = demo_people.data()
    people = [*data["staff"], *data["patients"]]
    held = [one["id"] for person in data["staff"] for one in person["commissions"]]
    names = [one["short_name"] for one in people] + [one["id"] for one in (*people, *data["systems"])]

    assert len(set(names)) == len(names)
    assert len(set(held)) == len(held)
    assert {one["unit"] for person in data["staff"] for one in person["commissions"]} == set(data["units"])


def test_every_unit_belongs_to_a_provider_of_its_own_hsa_organisation() -> None:
    for name in demo_people.data()["units"]:
        place = demo_people.place(name)
        assert place["unit"].partition("-")[0] == place["provider"].partition("-")[0]


async def test_a_token_for_a_nurse_carries_her_commission(browser: AsyncClient) -> None:
    caller = await who(browser, {"who": "bjorn"})

    assert (caller.kind, caller.subject, caller.name) == ("staff", "SE0000000001-P002", "Björn Ek")
    assert caller.commission is not None
    assert caller.commission.provider_name == "Region Norr"
    assert caller.commission.unit == "SE0000000001-1001"
    assert caller.commission.role == "Sjuksköterska"
    assert caller.scopes == {"user/*.cruds"}


async def test_a_token_for_a_patient_is_good_for_reading_her_own_record(browser: AsyncClient) -> None:
    caller = await who(browser, {"who": "stina"})

    assert (caller.kind, caller.patient, caller.subject) == ("patient", caller.subject, caller.patient)
    assert caller.scopes == {"patient/*.rs"}
    with pytest.raises(Exception, match="refused"):
        await who(browser, {"who": "stina"}, door="/vis/fhir")


async def test_bench_may_everything_for_as_long_as_a_day(browser: AsyncClient) -> None:
    caller = await who(browser, {"hours": 24})

    assert (caller.kind, caller.subject, caller.scopes) == ("system", "bench", {"system/*.cruds", "fvm/everything"})
    assert caller.commission is not None  # so that what it writes has an owner
    assert caller.expires > datetime.now(UTC).timestamp() + 23 * 3600
    assert (await browser.post("/internal/demo-token", json={"hours": 25})).status_code == 400


async def test_someone_with_two_commissions_names_one(browser: AsyncClient) -> None:
    refused = await browser.post("/internal/demo-token", json={"who": "carin"})
    assert refused.status_code == 400
    assert "SE0000000002-C003" in refused.json()["detail"]

    caller = await who(browser, {"who": "carin", "commission": "SE0000000002-C003"})
    assert caller.commission is not None
    assert caller.commission.unit_name == "Vårdcentralen Sjövik"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"who": "elin"}, 403, "application/no-commission"),
        ({"who": "david", "commission": "SE0000000001-C004"}, 403, "application/commission-not-valid"),
        ({"who": "anna", "commission": "SE0000000002-C003"}, 403, "application/commission-not-valid"),
        ({"who": "nobody"}, 404, "application/person-not-found"),
        ({"who": "demo-app"}, 404, "application/person-not-found"),
    ],
)
async def test_who_has_no_right_gets_no_token(
    browser: AsyncClient, body: dict[str, str], status: int, code: str
) -> None:
    answer = await browser.post("/internal/demo-token", json=body)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


async def test_the_demo_routes_answer_only_the_machine_itself(demo: Any, browser: AsyncClient) -> None:
    for headers in ({"X-Forwarded-For": "10.0.0.1"}, {"Origin": "http://fvm.test"}):
        answer = await browser.post("/internal/demo-token", json={}, headers=headers)
        assert answer.json()["type"] == "/problems/application/not-from-this-machine"
        assert (await browser.get("/internal/demo-people", headers=headers)).status_code == 403


async def test_production_has_no_demo_people_and_no_demo_tokens(production: Any) -> None:
    async with production.browser() as browser:
        for answer in (await browser.post("/internal/demo-token", json={}), await browser.get("/internal/demo-people")):
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/application/only-in-demo")
    async with production.db.transaction() as tx:
        assert await store.list_demo(tx) == []
        assert await clients.find(tx, "bench", demo=False) is None
        ids = (await tx.execute(sa.select(clients.client.c.id))).scalars().all()
    assert set(ids) == {"vis", "information", "exchange", "application"}


async def test_a_demo_client_that_strayed_into_production_is_not_known(production: Any) -> None:
    async with production.db.transaction() as tx:
        await demo_people.register(tx)
        assert await clients.find(tx, "bench", demo=False) is None
        await tx.rollback()


async def test_our_own_services_get_tokens_in_production(production: Any) -> None:
    async with production.browser() as browser:
        credentials = ("information", production.secret("information"))
        answer = await browser.post("/auth/token", data={"grant_type": "client_credentials"}, auth=credentials)

    assert answer.status_code == 200
    assert (production.secrets / "information.secret").stat().st_mode & 0o777 == 0o600


async def test_a_changed_secret_file_is_what_counts_after_a_restart(demo: Any, browser: AsyncClient) -> None:
    old = demo.secret("exchange")
    (demo.secrets / "exchange.secret").write_text("another-secret\n")
    await demo.upkeep.begin()

    data = {"grant_type": "client_credentials"}
    assert (await browser.post("/auth/token", data=data, auth=("exchange", old))).status_code == 401
    assert (await browser.post("/auth/token", data=data, auth=("exchange", "another-secret"))).status_code == 200
