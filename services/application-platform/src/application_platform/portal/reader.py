"""Who reads a page: the signed-in person with the commission and an access token of their own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request

from application_platform.portal.access import Access
from application_platform.portal.care import Care
from application_platform.portal.colleagues import Colleague, at_unit
from application_platform.portal.live import Hub
from application_platform.portal.record import Record
from application_platform.sign_in import signed_in
from kit.caller import Commission


@dataclass(frozen=True, slots=True)
class Reader:
    """The person behind the request. `patient` is the Patient id of a patient who reads their own record."""

    session: str
    kind: Literal["staff", "patient"]
    name: str
    token: str
    title: str = ""
    commission: Commission | None = None
    patient: str | None = None
    csrf: str = ""
    person: str = ""  # who it is, whatever the session: the HSA-id of staff, the Patient id of a patient

    @property
    def role(self) -> str:
        """The line under the name: Läkare · Medicinmottagningen, Region Norr."""
        held = self.commission
        return f"{held.role} · {held.unit_name}, {held.provider_name}" if held else self.title


async def signed_in_reader(request: Request) -> Reader:
    """The reader of the request's session; raises sign-in's NotSignedIn, which leads to the door."""
    session = await signed_in.current_session(request)
    request.state.portal_session = session
    person = session.person
    return Reader(
        session=session.id,
        kind=person.kind,
        name=person.name,
        token=signed_in.token_for_session(session),
        title=person.title,
        commission=session.commission,
        patient=person.id if person.kind == "patient" else None,
        csrf=session.csrf,
        person=person.id,
    )


def token_as(request: Request, reader: Reader, patient: str) -> str:
    """The reader's token for the record of a patient for whom they act; what they may there, the law decides."""
    session: signed_in.PortalSession = request.state.portal_session
    assert session.id == reader.session
    return session.tokens.of(session.session, patient)


async def still_there(request: Request) -> bool:
    """Whether the session that began this request still lives; asked again and again by open streams."""
    return await signed_in.still_signed_in(request, request.state.portal_session)


@dataclass(frozen=True, slots=True)
class Portal:
    """What the pages need; lies in `app.state.portal`."""

    record: Record
    hub: Hub
    access: Access
    region: str = ""
    demo: bool = False
    reader_of: Callable[[Request], Awaitable[Reader]] = signed_in_reader
    still_there: Callable[[Request], Awaitable[bool]] = still_there
    token_as: Callable[[Request, Reader, str], str] = token_as
    colleagues: Callable[[Request, str], Awaitable[tuple[Colleague, ...]]] = at_unit
    care: Care = field(kw_only=True)


async def portal_of(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal


async def _reader(request: Request) -> Reader:
    return await (await portal_of(request)).reader_of(request)


InPortal = Annotated[Portal, Depends(portal_of)]
Reads = Annotated[Reader, Depends(_reader)]
