"""What may not be seen leaves no trace on any path of search: the answer is the same whether it is there or not (D10)."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

SEEN = {"status": "final", "resourceType": "Observation"}


def observation(patient: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        **SEEN, "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": "2026-03-01",
        "code": {"coding": [{"system": "urn:zleak", "code": code, "display": f"Zleak {code}"}]}, **more,
    }  # fmt: skip


@pytest.fixture
async def world(ward: Any, doctor_elsewhere: httpx2.AsyncClient) -> dict[str, str]:
    """A patient (a register, seen by all) and one observation that Sjövik made."""
    patient = await ward.patient(name=[{"family": "Zleak"}])
    mine = await ward.add(
        observation(patient, "mine", valueQuantity={"value": 1}), doctor_elsewhere, **{"fvm-patient": patient}
    )
    return {"patient": patient, "mine": mine}


async def hide(ward: Any, patient: str) -> dict[str, str]:
    """What Norrby writes of the same patient, which Sjövik may not know of."""
    part = {"code": {"coding": [{"code": "zpart"}]}, "valueQuantity": {"value": 9}}
    encounter = await ward.add(
        {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "id": f"enc-{patient[:30]}",
         "subject": {"reference": f"Patient/{patient}"}}
    )  # fmt: skip
    secret = await ward.add(
        observation(
            patient, "secret", id=f"hid-{patient[:30]}", category=[{"text": "Zhemligt"}], component=[part],
            valueQuantity={"value": 9}, encounter={"reference": f"Encounter/{encounter}"},
            text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Zhemligt ord</div>'},
        )
    )  # fmt: skip
    items = [{"item": {"reference": f"Observation/{id}"}} for id in (secret,)]
    await ward.add(
        {"resourceType": "List", "id": f"lst-{patient[:30]}", "status": "current", "mode": "working", "entry": items,
         "subject": {"reference": f"Patient/{patient}"}}
    )  # fmt: skip
    return {"secret": secret, "encounter": encounter}


SEARCHES = [
    "/Observation?patient={p}", "/Observation?patient={p}&_total=accurate&_count=1", "/Observation?patient={p}&_total=estimate&_count=1",
    "/Observation?patient={p}&_summary=count", "/Observation?patient={p}&_sort=code,-date", "/Observation?patient={p}&_sort=date,_id",
    "/Observation?patient={p}&_sort=-encounter", "/Observation?patient={p}&category:missing=false", "/Observation?patient={p}&category:missing=true",
    "/Observation?code:text=zleak&patient={p}", "/Observation?category:text=zhemligt", "/Observation?code=urn:zleak|&patient={p}",
    "/Observation?code:not=urn:zleak|mine&patient={p}", "/Observation?combo-code-value-quantity=zpart$9", "/Observation?value-quantity=9&patient={p}",
    "/Observation?component-code-value-quantity=zpart$gt1", "/Observation?_list=lst-{short}", "/Observation?_content=zhemligt", "/Observation?_text=ord",
    "/Observation?_filter={filter}", "/Observation?_filter={negated}", "/Patient/{p}/Observation", "/Patient/{p}/*", "/Patient/{p}/*?_summary=count",
    "/Patient/{p}/Encounter", "/?_type=Observation,Encounter&patient={p}", "/?_type=Observation,Encounter&patient={p}&_summary=count",
    "/?_id=hid-{short}", "/Patient?_id={p}&_revinclude=*", "/Patient?_id={p}&_revinclude=Observation:subject&_revinclude:iterate=*",
    "/Observation?_id={m}&_include=*&_include:iterate=*&_revinclude:iterate=*", "/Patient?_id={p}&_has:Observation:patient:code=urn:zleak|secret",
    "/Patient?_id={p}&_has:Observation:patient:category:missing=false", "/Patient?_id={p}&_has:Observation:patient:code:text=secret",
    "/Patient?_id={p}&_has:Observation:patient:encounter.class=AMB", "/Observation?patient={p}&encounter:below=Encounter/enc-{short}",
    "/Observation?patient={p}&_elements=code", "/Observation?patient={p}&_summary=true", "/Observation?encounter.class=AMB&patient={p}",
    "/Patient?_filter={has}", "/Observation?patient={p}&_has:List:item:status=current",
]  # fmt: skip


@pytest.mark.parametrize("search", SEARCHES)
async def test_a_hidden_item_changes_nothing(
    ward: Any, doctor_elsewhere: httpx2.AsyncClient, bench: httpx2.AsyncClient, world: dict[str, str], search: str
) -> None:
    patient = world["patient"]
    url = search.format(
        p=patient, m=world["mine"], short=patient[:30], filter=quote(f"patient eq {patient} and value-quantity gt 5"),
        negated=quote(f"patient eq {patient} and not (code eq urn:zleak|mine)"), has=quote(f"_id eq {patient}"),
    )  # fmt: skip
    before = await doctor_elsewhere.get(url)
    hidden = await hide(ward, patient)
    try:
        after = await doctor_elsewhere.get(url)
        assert (after.status_code, after.content, after.headers) == (before.status_code, before.content, before.headers)
        assert before.status_code == 200, before.text
        assert f'"id":"{hidden["secret"]}"' not in after.text
    finally:
        for address in (
            f"/List/lst-{patient[:30]}",
            f"/Observation/{hidden['secret']}",
            f"/Encounter/{hidden['encounter']}",
        ):
            await bench.delete(address)


async def test_the_hidden_items_are_there_for_who_may_see_them(
    ward: Any, bench: httpx2.AsyncClient, world: dict[str, str]
) -> None:
    hidden = await hide(ward, world["patient"])
    short = world["patient"][:30]
    for search in (
        f"/Observation?_list=lst-{short}", "/Observation?category:text=zhemligt", "/Observation?_content=zhemligt&_text=ord",
        "/Observation?component-code-value-quantity=zpart$gt1", f"/Observation?patient={world['patient']}&_has:List:item:status=current",
        f"/Observation?encounter:below=Encounter/enc-{short}", f"/Observation?code:text=secret&patient={world['patient']}",
    ):  # fmt: skip
        assert hidden["secret"] in await ward.ids(search), search
    told = (await bench.get(f"/Patient/{world['patient']}/*?_summary=count")).json()
    assert told["total"] == 5


async def test_a_hidden_value_set_is_as_unknown_as_none(ward: Any, doctor_elsewhere: httpx2.AsyncClient) -> None:
    from access import Label, all_seeing
    from fhirserver.bodies import plain
    from fhirserver.wishes import Put

    engine = ward.engine
    url = "/Observation?code:in=urn:vs:zhidden"
    before = await doctor_elsewhere.get(url)
    label = await engine.labels.number(engine.db.pool, Label("SE0000000001-N", "SE0000000001-N1", "x"))
    resource = {"resourceType": "ValueSet", "id": "zhidden", "url": "urn:vs:zhidden", "status": "active"}
    async with engine.db.pool.acquire() as connection, connection.transaction():
        await engine.writer.apply(
            connection, [Put("ValueSet", "zhidden", plain(resource), resource, label)], all_seeing()
        )
    after = await doctor_elsewhere.get(url)
    assert (after.status_code, after.content) == (before.status_code, before.content)
    assert before.status_code == 400
    assert (await ward.bench.get(url)).status_code == 200
