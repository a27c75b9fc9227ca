"""What a signed-in person's own token may do: which scopes and which doors, by the kind of person."""

from application_platform.identity.model import Person
from application_platform.tokens import model
from kit.caller import Caller, Commission

PORTAL = "portal"  # the client id of our own pages

_SCOPES = {
    "staff": frozenset({"user/*.cruds"}),
    "patient": frozenset({"patient/*.rs"}),  # D11: what patients contribute goes another way than through FHIR writes
}
_DOORS = {
    "staff": ("vis", "information", "exchange", "application"),
    "patient": ("information", "application"),
}

# Our own pages reach VIS for patients too: what a patient asks of care is an operation there (vis.care); apps do not.
_PAGES = {**_DOORS, "patient": ("vis", "information", "application")}

# What an app of such a person may be given at most; for staff also what concerns one patient whom they have chosen.
_APPS = {"staff": ("patient/*.cruds", "user/*.cruds"), "patient": ("patient/*.rs",)}
CONTEXTS = {"staff": frozenset({"user", "patient"}), "patient": frozenset({"patient"})}


def limited(person: Person, scopes: list[str]) -> list[str]:
    """The scopes that remain when none may reach further than the person may (scopes delegate, they never add)."""
    data = [scope for scope in scopes if scope not in model.PLAIN_SCOPES]
    reached = model.granted(" ".join(data), _APPS[person.kind], CONTEXTS[person.kind]) if data else []
    return [scope for scope in scopes if scope in model.PLAIN_SCOPES] + reached


def doors(person: Person) -> tuple[str, ...]:
    return _DOORS[person.kind]


def doors_of_pages(person: Person) -> tuple[str, ...]:
    """The same for our own pages."""
    return _PAGES[person.kind]


def caller(
    person: Person,
    commission: Commission | None,
    *,
    client: str,
    session: str | None,
    scopes: frozenset[str] | None = None,
    patient: str | None = None,
) -> Caller:
    """The caller that a token for this person describes; without `scopes` everything the kind of person may.

    `patient` is the patient in context of an app: whom staff chose, or for whom a patient acts; a patient's own context is the
    patient. Whoever gives another one has asked the law first, and every service asks it again at each read.
    """
    return Caller(
        subject=person.id,
        kind=person.kind,
        client=client,
        name=person.name,
        scopes=_SCOPES[person.kind] if scopes is None else scopes,
        commission=commission,
        patient=patient or (person.id if person.kind == "patient" else None),
        session=session,
    )
