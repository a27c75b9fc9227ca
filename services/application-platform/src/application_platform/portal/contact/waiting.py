"""What waits for the reader's unit among messages, as rows of the inbox (shell.day.Waiting), and as a number."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from fastapi import Request

from application_platform.messages import store
from application_platform.messages.model import Thread
from application_platform.portal import timeline
from application_platform.portal.contact.deciding import look
from application_platform.portal.contact.threads import key
from application_platform.portal.person import Person, person
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import SignedOut
from application_platform.portal.shell.day import Waiting
from application_platform.portal.swedish import ZONE, Moment
from kit.db import Database
from kit.problems import Problem

KIND = "Meddelande från patient"


async def waiting(request: Request, portal: Portal, reader: Reader) -> list[Waiting] | None:
    """Rows for the inbox, the longest wait first; None where they could not be checked (then the page says so).

    Whose they are is patient data: each row stands in the patient's log. `focus` is "Communication/id", which
    /portal/patients/{patient}/messages/{id} shows. Open pages hear of it through the hub under the unit's HSA-id.
    """
    db: Database | None = getattr(request.app.state, "db", None)
    if db is None or reader.commission is None:
        return None
    async with db.transaction() as tx:
        threads = [one for one in await store.units(tx, reader.commission.unit) if one.waiting]
    ids = [one.patient for one in threads]
    now = datetime.now(UTC)
    try:
        if ids:
            await look(portal, reader, "messages-read", ids)
        known = await people(portal, reader, ids, now.astimezone(ZONE).date())
    except SignedOut:
        raise
    except Problem:
        return None
    return [row(one, known[one.patient], now) for one in threads]


async def count(request: Request, reader: Reader) -> int | None:
    """How many wait for the unit, and nothing about whom; None where it could not be asked."""
    db: Database | None = getattr(request.app.state, "db", None)
    if db is None or reader.commission is None:
        return None
    async with db.transaction() as tx:
        return await store.waiting(tx, reader.commission.unit)


def row(thread: Thread, who: Person, now: datetime) -> Waiting:
    """A thread as a row: late when the unit has not answered in its time."""
    since, due = thread.waiting_since or thread.changed_at, thread.due
    return Waiting(
        key=key(thread.id),
        kind=KIND,
        person=who,
        since=Moment(since),
        due=Moment(due) if due else None,
        urgent=False,
        late=due is not None and due < now,
        about=thread.subject,
        focus=key(thread.id),
    )


async def people(portal: Portal, reader: Reader, ids: Iterable[str], today: date) -> Mapping[str, Person]:
    """Who they are, by id; whoever the record does not show to the reader is named by nothing but the id."""
    wanted = list(dict.fromkeys(ids))
    found = {id: Person(id, "", "", "Personnummer", "", "", "", "ej angivet") for id in wanted}
    if wanted:
        bundle = await portal.record.search(
            reader.token, "Patient", [("_id", ",".join(wanted)), ("_count", str(len(wanted)))]
        )
        found |= {one.id: one for one in _persons(timeline.matches(bundle), today)}
    return found


def _persons(patients: Sequence[Mapping[str, object]], today: date) -> list[Person]:
    return [person(one, today) for one in patients]
