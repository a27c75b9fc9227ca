"""What the pages of bookings ask VIS, as the reader: their own copy there is right at once after a booking (D15)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.bookings import times
from application_platform.portal.bookings.times import Place, Time
from application_platform.portal.bookings.upcoming import Booking, read
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.shell.sheet import ask
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.timeline import Source
from kit.problems import Problem

OPEN = "urn:fvm:slot|open-to-patients"
BOOKINGS = Source("Appointment", "date", frozenset(), "bokningar i regionens journal", 200)
CHANGED = "Bokningen har ändrats sedan du öppnade den. Läs den igen nedan. Inget är gjort."
AWAY = "Inget är gjort: vårdsystemet svarar inte. Försök igen om en stund."
NOT_YOURS = "Du får inte göra det här. Inget är gjort."
GONE = "Tiden finns inte längre. Välj en annan tid."


@dataclass(frozen=True, slots=True)
class Own:
    """A patient's Appointments, and the names of what could not be asked."""

    appointments: tuple[Mapping[str, Any], ...]
    unchecked: tuple[str, ...]


async def own(portal: Portal, reader: Reader, patient: str) -> Own:
    """All that VIS and the region's record hold of this patient. Raises SignedOut."""
    here, (everywhere,) = await asyncio.gather(
        at_vis(portal, reader, patient), ask(portal, reader, patient, [BOOKINGS])
    )
    found = merged(here, everywhere.bundle)
    words = ["det som är bokat här"] if here is None else []
    words += ["bokningar hos andra vårdgivare"] if everywhere.bundle is None else []
    return Own(tuple(found), tuple(words))


async def at_vis(portal: Portal, reader: Reader, patient: str) -> Mapping[str, Any] | None:
    """VIS's own of this patient; None where it could not be asked. Raises SignedOut."""
    pairs = [("patient", f"Patient/{patient}"), ("_count", str(BOOKINGS.count)), ("_sort", "-date")]
    return (await portal.care.record.ask(reader.token, BOOKINGS, pairs)).bundle


def merged(here: Mapping[str, Any] | None, everywhere: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """What both hold once, in VIS's words, which are newer."""
    found = {str(one.get("id")): one for one in _appointments(everywhere)}
    return list((found | {str(one.get("id")): one for one in _appointments(here)}).values())


async def one(portal: Portal, reader: Reader, patient: str, id: str) -> Booking:
    """A booking of the patient as it stands at VIS. Raises NotShown where there is none of theirs."""
    bundle = await portal.care.record.search(
        reader.token, "Appointment", [("_id", id), ("patient", f"Patient/{patient}")]
    )
    found = [read(each) for each in _appointments(bundle)]
    if not found:
        raise NotShown
    return found[0]


async def free(
    portal: Portal, reader: Reader, patient: str, where: Mapping[str, str], since: datetime, until: datetime
) -> list[Time]:
    """Free times of {"unit": HSA-id}, {"service": id} or {"schedule": id}, 200 at most."""
    values: list[dict[str, str]] = [{"name": name, "valueString": value} for name, value in where.items()]
    values += [
        {"name": "from", "valueDateTime": since.isoformat()},
        {"name": "until", "valueDateTime": until.isoformat()},
    ]
    body = {"resourceType": "Parameters", "parameter": values}
    return times.times(await portal.care.ask(reader.token, patient, "Slot/$find", body))


async def time(portal: Portal, reader: Reader, patient: str, slot: str) -> Time:
    """One time, whoever has it. Raises NotShown where there is none."""
    pairs = [("_id", slot), ("_include", "Slot:schedule")]
    found = times.times(await portal.care.record.search(reader.token, "Slot", pairs))
    if not found:
        raise NotShown
    return found[0]


async def places(portal: Portal, reader: Reader, patient: str, pairs: Sequence[tuple[str, str]]) -> list[Place]:
    """Where one may book, by name."""
    asked = [*pairs, ("active", "true"), ("_count", "200")]
    bundle = await portal.care.record.search(reader.token, "HealthcareService", asked)
    return sorted(map(times.place, timeline.matches(bundle)), key=lambda one: one.name)


async def hold(portal: Portal, reader: Reader, patient: str, slot: str) -> Moment | None:
    """The time is the patient's; until when."""
    stored = await portal.care.act(reader.token, patient, f"Slot/{slot}", "hold", {})
    said = {part.get("name"): part.get("valueInstant") for part in stored.resource.get("parameter", ())}
    return moment(said.get("until"))


async def book(
    portal: Portal, reader: Reader, patient: str, slot: str, id: str, reason: str, moves: str = ""
) -> Booking:
    """Booked, or another booking moved here; the same `id` again answers the same."""
    values = {"id:valueString": id, "reason:valueString": reason.strip()}
    key, operation = (f"Appointment/{moves}", "rebook") if moves else (f"Slot/{slot}", "book")
    more = {"slot:valueString": slot} if moves else {}
    return read((await portal.care.act(reader.token, patient, key, operation, {**values, **more})).resource)


async def wait(portal: Portal, reader: Reader, patient: str, service: str, id: str, reason: str) -> None:
    """A place in the queue of this clinic; once, however often it is asked for."""
    values = {"id:valueString": id, "reason:valueString": reason.strip()}
    await portal.care.act(reader.token, patient, f"HealthcareService/{service}", "wait", values)


def refusal(problem: Problem) -> tuple[int, str]:
    """The status and the words of what VIS did not take. Raises SignedOut itself."""
    if isinstance(problem, SignedOut):
        raise problem
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 409, f"{problem.detail}."
    if isinstance(problem, Stale):
        return 409, CHANGED
    if isinstance(problem, NotShown):
        return 404, GONE
    return (403, NOT_YOURS) if isinstance(problem, NotAllowed) else (503, AWAY)


def _appointments(bundle: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    every = timeline.matches(bundle) if bundle is not None else []
    return [one for one in every if one.get("resourceType") == "Appointment"]
