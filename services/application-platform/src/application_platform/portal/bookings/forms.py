"""What is sent about a booking, by patients and by staff; every form carries the patient and is refused elsewhere (FL-04)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

ID = r"^[A-Za-z0-9.\-]{1,64}$"
MAYBE = r"^[A-Za-z0-9.\-]{0,64}$"
AnId = Annotated[str, Query(pattern=MAYBE)]
Till = Annotated[str, Query(max_length=40)]
REASONS = {  # vis.care.bookings
    "pat": "Patienten avbokade",
    "prov": "Mottagningen avbokade",
    "prov-pers": "Den som skulle ta emot kan inte",
    "oth-err": "Felbokad",
    "other": "Annat skäl",
}


class Held(BaseModel):
    """Which time is held for the patient for some minutes; `moves` is the booking that it would stand for."""

    patient: str = Field(max_length=64)
    slot: str = Field(pattern=ID)
    moves: str = Field(default="", pattern=MAYBE)


class Booked(Held):
    """The booking itself; `id` makes it happen once."""

    id: str = Field(pattern=ID)
    reason: str = Field(default="", max_length=500)


class Waits(BaseModel):
    """A place in the queue of a clinic (`service`); `id` makes it happen once."""

    patient: str = Field(max_length=64)
    service: str = Field(pattern=ID)
    id: str = Field(pattern=ID)
    reason: str = Field(default="", max_length=500)


class Ended(BaseModel):
    """Which version of a booking a patient calls off; `waits`: it is a place in a queue."""

    patient: str = Field(max_length=64)
    waits: str = Field(default="", max_length=1)
    version: str = Field(default="", max_length=20, pattern=r"^[0-9]*$")


class Act(Ended):
    """A step of a booking by staff; `day` is the unit's day that it was done from."""

    act: str = Field(pattern=r"^(arrive|noshow|fulfil|cancel)$")
    reason: str = Field(default="", pattern=r"^[a-z\-]{0,20}$")
    comment: str = Field(default="", max_length=500)
    day: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")


@dataclass(frozen=True, slots=True)
class Shown:
    """How a page begins: its status, what was refused and how the form was filled, what was just done; `about`: a booking."""

    status: int = 200
    wrong: str = ""
    filled: Booked | Act | Waits | None = None
    about: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A time that is held: until when, as its address says, and the booking that it would stand for."""

    slot: str
    till: str = ""
    moves: str = ""
