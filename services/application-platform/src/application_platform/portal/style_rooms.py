"""What the rooms of the portal are made of, with invented people: for the living style page."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from application_platform.messages.model import Author, Message, Thread
from application_platform.portal.bookings.upcoming import Booking
from application_platform.portal.contact.words import stamp, writer
from application_platform.portal.medication.checks import Check, Told
from application_platform.portal.notes import marks
from application_platform.portal.person import Person
from application_platform.portal.referrals.steps import Steps
from application_platform.portal.shell import day
from application_platform.portal.shell.day import Waiting
from application_platform.portal.shell.desk import Offer
from application_platform.portal.swedish import Moment
from application_platform.portal.vitals.score import News2
from application_platform.portal.ward.model import FLAGS, Bed, Board, Flag, Stay

_NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
_GRETA = Person("1", "Lindhammar", "Greta", "Personnummer", "19480317-2388", "1948-03-17", "78\u00a0år", "kvinna")
_SVEN = Person("5", "Ekmarker", "Sven", "Personnummer", "19550712-2391", "1955-07-12", "71\u00a0år", "man")
_JONNA = Person("2", "Almvik", "Jonna", "Personnummer", "", "", "", "", "", True)


def _at(hour: int) -> Moment:
    return Moment(_NOW.replace(hour=hour))


def _score(id: str, hour: int, *points: int, late: bool = False) -> News2:
    names = ("respirations", "spo2", "pulse", "systolic")
    return News2(id, _at(hour), sum(points), dict(zip(names, points, strict=False)), late=late)


def board() -> Board:
    """Cards of a ward: calm, raised, high, late, protected, free and closed."""
    known = (Flag("Penicillin", "severe", "octagon-alert"), Flag("Fallrisk", "amber", "triangle-alert"))
    raised = _score("n1", 7, 2, 2, 1)
    stays = (
        Stay("s1", _GRETA, "b1", "Säng 1", "Hjärtsvikt", day=3, leaves="hem onsdag", score=raised, flags=known),
        Stay("s2", _SVEN, "b2", "Säng 2", "Pneumoni", day=1, score=_score("n2", 8, 3, 3, 2)),
        Stay("s3", _JONNA, "b3", "Säng 3", "Sepsis", day=2, score=_score("n3", 6, 1, late=True)),
    )  # fmt: skip
    beds = [Bed(stay.bed, stay.place, stay) for stay in stays]
    return Board((*beds, Bed("b4", "Säng 4"), Bed("b5", "Säng 5", closed="Städas")))


def _thread() -> Thread:
    greta, samir = Author("patient", "1", "Greta Lindhammar"), Author("staff", "9", "Samir Haddad", "Läkare")
    said = (
        Message(UUID(int=1), greta, "Jag blir yr när jag reser mig.", _NOW.replace(hour=6)),
        Message(UUID(int=2), samir, "Drick mer vatten och res dig långsamt.", _NOW.replace(hour=7)),
    )
    return Thread(
        UUID(int=3), "1", "Greta Lindhammar", "u", "Vårdcentralen Almvik", kind="question", subject="Yrsel", about="",
        last_by="staff", begun_at=_NOW.replace(hour=6), changed_at=_NOW.replace(hour=7), messages=said,
    )  # fmt: skip


def _waiting() -> list[Waiting]:
    offered = Offer("dig", "Samir Haddad", "Jag går hem klockan tre", mine=True)
    return [
        Waiting("Task/1", "Vidimera svar", _GRETA, _at(6), _at(8), urgent=True, late=True, code="result"),
        Waiting("Task/2", "Bedöm remiss", _SVEN, _at(7), None, urgent=False, late=False, code="referral", whose="others",
                owner="Samir Haddad", offer=offered),
    ]  # fmt: skip


def _checks() -> Told:
    return Told(
        checks=(
            Check("d", "duplicate", "clear", "Ingen dubblett"),
            Check(
                "d",
                "allergy",
                "hit",
                "Överkänslighet mot penicillin, anafylaxi 2019",
                "AllergyIntolerance/1",
                severe=True,
            ),
            Check("d", "interaction", "unchecked", "Tjänsten för interaktioner finns inte i regionen"),
        )
    )


def samples() -> dict[str, Any]:
    """The context of `style_rooms.html`."""
    slot = Booking("b", "1", "booked", _at(9), _at(10), "Läkarbesök", place="Vårdcentralen Almvik", who="Samir Haddad")
    return {
        "board": board(),
        "most": FLAGS,
        "wall": False,
        "kind": "alla",
        "fits": lambda stay: True,
        "watch": "",
        "position": "",
        "clock": "09:30",
        "csrf": "",
        "referral": Steps(
            "r", "Ögonbottenfoto", "Ögonmottagningen", 3, "du väntar på en tid", "Senast 31 januari.", _at(6)
        ),
        "talk": _thread(),
        "stamp": stamp,
        "writer": writer,
        "waits": _waiting(),
        "ago": lambda at: day.ago(at.at, _NOW),
        "checks": _checks(),
        "pieces": marks.difference("Hosta i två veckor.", "Hosta i tre veckor."),
        "booking": slot,
        "today": date(2026, 11, 20),
    }
