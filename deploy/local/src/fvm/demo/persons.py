"""The two hundred: who lives in the demo region, by which story, with identity, name and address (pure, by seed)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

from application_platform.demo import cast
from fvm.demo import names, numbers

COUNT = 200
_NAMESPACE = UUID("b3a0f6a4-6b0e-5a55-9a3e-2f4d1c0a7e55")  # the demo region's, for ever
_TOWN = {"sjovik": "Sjövik", "almvik": "Almvik"}
_LABELS = "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel"

# Story → (how many, sex or "" for both, youngest, oldest). The rest of the two hundred are healthy adults.
STORIES = {
    "diabetes2": (20, "", 46, 84),
    "diabetes1": (4, "", 13, 44),
    "heart_failure": (11, "", 67, 93),
    "copd": (9, "", 58, 84),
    "hip_fracture": (7, "", 72, 94),
    "stroke": (7, "", 58, 90),
    "pregnancy": (5, "female", 23, 39),
    "asthma_child": (8, "", 4, 15),
    "healthy_child": (21, "", 1, 14),
    "breast_cancer": (4, "female", 42, 76),
    "prostate_cancer": (4, "male", 60, 80),
    "colon_cancer": (3, "", 55, 82),
    "depression": (9, "", 19, 60),
    "exhaustion": (4, "", 30, 58),
    "hypertension": (18, "", 46, 82),
    "thyroid": (5, "female", 28, 70),
    "migraine": (4, "", 18, 52),
    "atrial_fibrillation": (5, "", 64, 88),
    "dementia": (5, "", 76, 93),
    "arthrosis": (5, "", 58, 79),
    "infection": (12, "", 18, 55),
}
# The patients with a sign-in of their own, by the short name of the file.
_STORY_OF = {
    "tolvan": "old_and_well", "stina": "diabetes2", "gustav": "depression", "maja": "asthma_adult",
    "ingrid": "heart_failure", "rolf": "copd", "birgitta": "stroke", "amina": "pregnancy", "karin": "breast_cancer",
    "sven": "hip_fracture", "per": "prostate_cancer",
}  # fmt: skip


@dataclass(slots=True)
class Person:
    """One person: the FHIR Patient, and what the story needs to know. `home` is the unit where they are listed."""

    key: str
    story: str
    born: date
    sex: str
    home: str
    patient: dict[str, Any]
    kin: dict[str, "Person"] = field(default_factory=dict)  # mother, twin, child …

    @property
    def id(self) -> str:
        return str(self.patient["id"])

    @property
    def given(self) -> str:
        return str(self.patient.get("name", [{}])[0].get("given", [""])[0])


class Register:
    """Makes people, each with a day of birth of their own (the test numbers have one girl and one boy a day)."""

    def __init__(self, today: date, seed: int) -> None:
        self.today = today
        self.seed = seed
        self.rng = Random(f"{seed}/people")  # noqa: S311 - invented people, the same each time
        self._taken: set[tuple[date, str]] = {(date(2000, 1, 25), "female"), (date(1961, 9, 13), "male")}
        self._names: set[tuple[str, str]] = set()
        self.people: list[Person] = []

    def add(self, story: str, born: date, sex: str, home: str = "", **more: Any) -> Person:
        """A person born that day; `more` replaces parts of the Patient (None takes a part away)."""
        key = f"{story}-{len(self.people) + 1}"
        rng = Random(f"{self.seed}/{key}")  # noqa: S311 - as above
        home = home or rng.choice(["almvik", "almvik", "sjovik"])
        self._taken.add((born, sex))
        patient = {
            "resourceType": "Patient",
            "id": str(uuid5(_NAMESPACE, f"{self.seed}/{key}")),
            "identifier": numbers.own(born, sex) if "identifier" not in more else None,
            "active": True,
            "name": [self._name(rng, sex, born.year)],
            "gender": sex,
            "birthDate": born.isoformat(),
            "telecom": [names.phone(rng)],
            "address": [names.address(rng, _TOWN[home])],
            "generalPractitioner": [_unit(home)],
            **more,
        }
        person = Person(key, story, born, sex, home, {name: part for name, part in patient.items() if part is not None})
        self.people.append(person)
        return person

    def _name(self, rng: Random, sex: str, year: int) -> dict[str, Any]:
        """A name that nobody else here has."""
        while True:
            family = names.family(rng)
            given = names.given(rng, sex, year, family)
            if (given, family) not in self._names:
                self._names.add((given, family))
                return {"use": "official", "family": family, "given": [given]}

    def day(self, youngest: int, oldest: int, sex: str) -> date:
        """A free day of birth; month and day stay the same from year to year."""
        while True:
            year = self.today.year - self.rng.randint(youngest, oldest)
            born = date(year, 1, 1) + timedelta(days=self.rng.randint(0, 364))
            if (born, sex) not in self._taken and born < self.today:
                return born

    def recent(self, days: int, sex: str) -> date:
        """The free day so many days ago, or the nearest before it: for newborns."""
        born = self.today - timedelta(days=days)
        while (born, sex) in self._taken:
            born -= timedelta(days=1)
        return born


def everybody(today: date, seed: int) -> list[Person]:
    """All 200, the same for the same seed; only those under two years have birth dates that follow today."""
    register = Register(today, seed)
    _with_sign_in(register)
    _special(register)
    _families(register)
    known = [person.story for person in register.people]
    for story, (count, sex, youngest, oldest) in STORIES.items():
        for nth in range(count - known.count(story)):
            of = sex or ("female", "male")[nth % 2]
            register.add(story, register.day(youngest, oldest, of), of)
    for nth in range(COUNT - len(register.people)):
        of = ("female", "male")[nth % 2]
        register.add("healthy_adult", register.day(17, 64, of), of)
    return register.people


def _with_sign_in(register: Register) -> None:
    for entry, resource in zip(cast.data()["patients"], cast.patients(), strict=True):
        home = "sjovik" if entry["short_name"] in ("gustav", "maja", "rolf") else "almvik"
        name = [*resource["name"]]
        if entry["short_name"] == "karin":
            name.append({"use": "old", "family": "Lindmark", "given": ["Karin"], "period": {"end": "2019-08-17"}})
        identifiers = [{"use": "official", **one} for one in resource["identifier"]]
        more = {"id": resource["id"], "name": name, "identifier": identifiers}
        register.add(_STORY_OF[entry["short_name"]], entry["born_on"], entry["gender"], home, **more)


def _special(register: Register) -> None:
    """Those whose identity is the story."""
    secret = {"meta": {"security": [_label("sekretessmarkering", "Sekretessmarkering")]}}
    hidden = {"identifier": [numbers.PROTECTED], "address": None, "telecom": None, **secret}
    register.add("protected", date(2000, 1, 25), "female", "almvik", **hidden)
    register.add("coordination", date(1961, 9, 13), "male", "sjovik", identifier=[numbers.COORDINATION])
    abroad = [{"use": "home", "line": ["Bergstraße 14"], "postalCode": "20095", "city": "Hamburg", "country": "DE"}]
    visitor = [{"use": "official", "family": "Brandt", "given": ["Jürgen"]}]
    register.add(
        "visitor", date(1967, 6, 4), "male", identifier=[numbers.VISITOR], name=visitor, address=abroad,
        generalPractitioner=None,
    )  # fmt: skip
    asylum = [{"use": "official", "family": "Rezai", "given": ["Parwin"]}]
    register.add("reserve", date(1998, 3, 1), "female", "sjovik", identifier=[numbers.NATIONAL_RESERVE], name=asylum)
    register.add(
        "unidentified", date(1975, 1, 1), "male", identifier=[numbers.UNIDENTIFIED], name=None, birthDate=None,
        address=None, telecom=None, generalPractitioner=None,
    )  # fmt: skip
    died = register.today - timedelta(days=19)
    register.add("palliative", register.day(74, 80, "male"), "male", deceasedDateTime=died.isoformat())


def _families(register: Register) -> None:
    """Mothers with newborns, one of them with twins: a girl and a boy."""
    for days in (1, 2, 3, 24, 75):
        sex = register.rng.choice(["female", "male"])
        _mother(register, "mother", [_child(register, "newborn", days, sex)])
    twins = [_child(register, "twin", 4, "female"), _child(register, "twin", 4, "male")]
    twins[0].kin["twin"], twins[1].kin["twin"] = twins[1], twins[0]
    _mother(register, "mother_of_twins", twins)


def _child(register: Register, story: str, days: int, sex: str) -> Person:
    return register.add(story, register.recent(days, sex), sex)


def _mother(register: Register, story: str, children: list[Person]) -> None:
    home, shared = children[0].home, children[0].patient
    mother = register.add(story, register.day(24, 38, "female"), "female", home, address=shared["address"])
    family = mother.patient["name"][0]["family"]
    for nth, child in enumerate(children, 1):
        child.home, child.patient["generalPractitioner"] = home, [_unit(home)]
        child.patient["name"] = [{"use": "official", "family": family, "given": [child.given]}]
        child.patient["address"], child.patient["telecom"] = shared["address"], mother.patient["telecom"]
        child.patient["contact"] = [_contact(mother)]
        if len(children) > 1:
            child.patient["multipleBirthInteger"] = nth
        child.kin["mother"] = mother
        mother.kin[f"child{nth}"] = child


def _contact(mother: Person) -> dict[str, Any]:
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH", "display": "mother"}
    return {
        "relationship": [{"coding": [role], "text": "Mor, vårdnadshavare"}],
        "name": mother.patient["name"][0],
        "telecom": mother.patient["telecom"],
    }


def _label(code: str, display: str) -> dict[str, str]:
    return {"system": _LABELS, "code": code, "display": display}


def _unit(home: str) -> dict[str, str]:
    place = cast.place(home)
    return {"reference": f"Organization/{place['unit']}", "display": place["unit_name"]}


def by_story(people: list[Person]) -> Iterator[tuple[str, list[Person]]]:
    """Everyone of each story, in the order of the first."""
    for story in dict.fromkeys(person.story for person in people):
        yield story, [person for person in people if person.story == story]
