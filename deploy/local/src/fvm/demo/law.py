"""The law in the demo region: who shares with whom, who acts for whom, a block and a consent, through the same doors."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from application_platform.demo import cast
from fvm.demo.chart import Chart
from fvm.demo.doors import Doors
from fvm.demo.persons import Person
from fvm.demo.staff import colleagues

ACCESS = "/information/access"
_ACTS = UUID("6b1d0f1e-8f0e-5a51-9d0f-6f4b1f0c7a11")  # names of the demo's acts, so that told twice they are taken once
_SCHOOL = range(6, 12)  # years: far from the thirteenth birthday
_BLOCKED, _CONSENTING = "depression", "sjovik"  # a story, and the home of whom has consented


def tell(doors: Doors, charts: Sequence[Chart], token: str) -> int:
    """Tells it; the number of acts. Everybody must have reached the region's record. Raises Trouble."""
    sharing = sorted(provider["id"] for provider in cast.data()["providers"].values())
    doors.ask("PUT", f"{ACCESS}/rules", token, {"sharing": sharing})
    told = 0
    for chart in charts:
        mother = chart.person.kin.get("mother")
        if mother is not None:
            body = {"who": mother.id, "reason": "Vårdnadshavare enligt folkbokföringen"}
            told += _act(doors, chart.person, "guardians", token, body)
    told += _acting(doors, charts, token)
    told += _block(doors, next((one for one in charts if one.person.story == _BLOCKED), None))
    return told + _consent(doors, next((one for one in charts if one.person.home == _CONSENTING), None))


def _acting(doors: Doors, charts: Sequence[Chart], token: str) -> int:
    """Somebody who can sign in has custody of a child, and somebody else who can is an ombud: two houses to step into."""
    by_name = {one["short_name"]: one["id"] for one in cast.data()["patients"]}
    child = next((one for one in charts if one.person.story == "healthy_child" and one.age in _SCHOOL), None)
    old = next((one for one in charts if one.person.id == by_name["ingrid"]), None)
    told = 0
    if child is not None:
        body = {"who": by_name["amina"], "reason": "Vårdnadshavare enligt folkbokföringen"}
        told += _act(doors, child.person, "guardians", token, body)
    if old is not None:
        told += _act(doors, old.person, "mandates", token, {"who": by_name["gustav"], "reason": "Gustav, barnbarn"})
    return told


def _block(doors: Doors, chart: Chart | None) -> int:
    """What one unit wrote about somebody is closed to the other units, on their own wish."""
    if chart is None or not chart.facts:
        return 0
    author = chart.facts[0].author
    place = cast.place(author.unit)
    body = {"kind": "inner", "provider": place["provider"], "unit": place["unit"], "reason": "Patientens begäran"}
    return _act(doors, chart.person, "blocks", doors.token(author.id, author.commission), body)


def _consent(doors: Doors, chart: Chart | None) -> int:
    """A unit of another care provider may read together with the region."""
    if chart is None:
        return 0
    reader = colleagues(chart.person.home, chart.today)[0]
    body = {"reason": "Sammanhållen vård, muntligt samtycke"}
    return _act(doors, chart.person, "consents", doors.token(reader.id, reader.commission), body)


def _act(doors: Doors, person: Person, door: str, token: str, body: dict[str, Any]) -> int:
    said = {"id": str(uuid5(_ACTS, f"{door}/{person.key}")), **body}
    doors.ask("POST", f"{ACCESS}/patients/{person.id}/{door}", token, said)
    return 1
