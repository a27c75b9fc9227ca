"""A patient's medicines as lists: what is taken regularly, as needed, paused and ended, and what the patient asks for (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from application_platform.portal.entry import display, first, reference
from application_platform.portal.medication.checks import REASONS, WORDS
from application_platform.portal.medication.commons import known_as
from application_platform.portal.medication.drafts import cause_of, prior_of
from application_platform.portal.medication.shown import dosage, name_of
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.values import text_of

Resource = Mapping[str, Any]
Group = Literal["regular", "needed", "paused", "draft", "ended"]
_TYPE = "MedicationRequest"
_OPEN = {"requested", "received", "accepted", "in-progress", "ready", "on-hold"}
_OVER = {"stopped", "completed", "cancelled", "entered-in-error", "not-taken"}
_STATES = {"completed": "Avslutat", "cancelled": "Avbrutet", "stopped": "Utsatt", "entered-in-error": "Makulerat",
           "not-taken": "Togs inte", "on-hold": "Pausat", "draft": "Utkast"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish to have it renewed: since when, with what words, whether it is open, and how it was answered.

    `outcome` is renewed, declined, stopped or "" where the unit only closed it.
    """

    task: str
    at: Moment | None
    words: str
    open: bool
    outcome: str = ""
    answer: str = ""
    answered: Moment | None = None


@dataclass(frozen=True, slots=True)
class Medicine:
    """One line. `lead` is the substance, `rest` form and strength; nothing of it is ever cut short."""

    key: str
    group: Group
    lead: str
    rest: str
    dose: str
    cause: str
    since: Moment | None
    until: Moment | None
    by: str
    state: str = ""
    why: str = ""
    version: str = ""
    ours: bool = False  # VIS holds it: it can be renewed, paused and stopped here
    on_way: bool = False  # the region has not confirmed it yet (D15)
    renews: str = ""  # the id of the prescription before it
    answers: tuple[str, ...] = ()  # how its checks were answered when it was signed
    asked: Asked | None = None
    begun: Moment | None = None  # when the first of those that it renews was prescribed

    @property
    def id(self) -> str:
        return self.key.partition("/")[2]

    @property
    def name(self) -> str:
        return f"{self.lead} {self.rest}".strip()

    @property
    def current(self) -> bool:
        return self.group in ("regular", "needed")

    @property
    def renewable(self) -> bool:
        """Whether it is offered: what was stopped is prescribed anew instead, and what is paused is taken up first."""
        return (self.current or self.state == "Avslutat") and not self.renewed

    @property
    def renewed(self) -> bool:
        """Whether another prescription took over from it."""
        return self.why == "Förnyad"


def medicines(
    record: Iterable[Resource], own: Iterable[Resource] | None = None, tasks: Iterable[Resource] | None = None
) -> list[Medicine]:
    """By name. `own`: VIS's copies, which are the newest of what it holds; None: VIS could not be asked. A status that is not
    known counts as in force, never as ended."""
    held = {_key(one): one for one in record}
    mine = {_key(one): one for one in own or ()}
    asked = {reference(task.get("focus")): _asked(task) for task in tasks or ()}
    rows = []
    for key, one in {**held, **mine}.items():
        ours = key in mine
        on_way = ours and held.get(key, {}).get("status") != one.get("status")
        rows.append(_medicine(key, one, asked.get(key), ours=ours, on_way=on_way))
    known = {row.id: row for row in rows if row.key.startswith(_TYPE)}
    rows = [replace(row, begun=_first(row, known).since) for row in rows]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.key))


def _first(row: Medicine, known: Mapping[str, Medicine]) -> Medicine:
    """The prescription that a chain of renewals began with, as far back as it is known."""
    met = {row.id}
    while row.renews in known and row.renews not in met:
        row = known[row.renews]
        met.add(row.id)
    return row


def of(rows: Sequence[Medicine], group: Group) -> list[Medicine]:
    return [one for one in rows if one.group == group]


def _medicine(key: str, found: Resource, asked: Asked | None, *, ours: bool, on_way: bool) -> Medicine:
    status = str(found.get("status", ""))
    name = name_of(found, {})
    common = known_as(name)
    lead = name[: len(common.substance)] if common else name.partition(" ")[0]
    doses = found.get("dosageInstruction") or found.get("dosage") or []
    listed = [dosage(one) for one in (doses if isinstance(doses, list) else [doses])]
    period = found.get("dispenseRequest", {}).get("validityPeriod", {})
    begun = found.get("authoredOn") or found.get("effectiveDateTime") or found.get("effectivePeriod", {}).get("start")
    return Medicine(
        key=key,
        group=_group(found, status),
        lead=lead,
        rest=name[len(lead) :].strip(" ,"),
        dose=", ".join(one for one in listed if one),
        cause=cause_of(found),
        since=moment(begun or found.get("dateAsserted")),
        until=moment(period.get("end") or found.get("effectivePeriod", {}).get("end")),
        by=display(found.get("requester")) or display(found.get("informationSource")),
        state=_STATES.get(status, ""),
        why=text_of(
            found.get("statusReason")
            if isinstance(found.get("statusReason"), Mapping)
            else first(found.get("statusReason"))
        ),
        version=str(found.get("meta", {}).get("versionId", "")),
        ours=ours and found.get("resourceType") == _TYPE,
        on_way=on_way,
        renews=prior_of(found),
        answers=tuple(_answers(found)),
        asked=asked,
    )


def _group(found: Resource, status: str) -> Group:
    if status in _OVER:
        return "ended"
    if status in ("on-hold", "draft"):
        return "paused" if status == "on-hold" else "draft"
    doses = found.get("dosageInstruction") or found.get("dosage") or []
    needed = [one for one in doses if isinstance(one, Mapping) and _as_needed(one)]
    return "needed" if needed and len(needed) == len(doses) else "regular"


def _as_needed(dosage: Resource) -> bool:
    said = str(dosage.get("text", "")).casefold()
    return dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage or "vid behov" in said


def _asked(task: Resource) -> Asked:
    """From the task that VIS keeps of it (vis.care.renewals): the patient's words have no person behind them, the unit's have."""
    notes = [one for one in task.get("note", ()) if isinstance(one, Mapping)]
    theirs = [one for one in notes if "authorString" in one]
    ours = [one for one in notes if "authorReference" in one]
    outcome = first(task.get("output")).get("valueCode", "")
    open_ = task.get("status") in _OPEN
    words = str(theirs[-1].get("text", "")) if theirs else ""
    return Asked(
        task=str(task.get("id", "")),
        at=moment(task.get("authoredOn")),
        words="" if words == "Begär förnyelse" else words,
        open=open_,
        outcome="" if open_ else str(outcome),
        answer="" if open_ or not ours else str(ours[-1].get("text", "")),
        answered=None if open_ or not ours else moment(ours[-1].get("time")),
    )


def _answers(found: Resource) -> Iterable[str]:
    """Dubblering: avsiktlig kombination …, as the prescriber answered."""
    for one in found.get("extension", ()):
        if one.get("url") == "urn:fvm:overridden":
            said = {
                str(part.get("url")): part.get("valueCode") or part.get("valueString")
                for part in one.get("extension", ())
            }
            check = WORDS.get(str(said.get("check")), str(said.get("check")))
            reason = (
                "kontrollerat av ordinatören"
                if said.get("reason") == "checked"
                else REASONS.get(str(said.get("reason")), "")
            )
            words = str(said.get("comment") or reason.partition(",")[0])
            yield f"{check.capitalize()}: {words[:1].lower()}{words[1:]}"


def _key(found: Resource) -> str:
    return f"{found.get('resourceType')}/{found.get('id')}"
