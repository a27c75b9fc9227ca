"""A basket whose sign-in ended while it was written: shown back to the browser that sent it, and taken up by the same person."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.reader import Reader, portal_of
from application_platform.sign_in import browser
from application_platform.sign_in.browser import FromElsewhere
from application_platform.sign_in.signed_in import NotSignedIn

AGAIN = "Du har loggat in igen. Inget är signerat. Läs igenom och fortsätt."
_MOST = 400  # fields that are carried


async def _whoever(request: Request) -> Reader | None:
    """Who is signed in; None where nobody is."""
    try:
        return await (await portal_of(request)).reader_of(request)
    except NotSignedIn:
        return None


MayRead = Annotated[Reader | None, Depends(_whoever)]


def kept(request: Request, patient: str, form: Mapping[str, str]) -> Response:
    """401 with everything that was sent, to be sent again after a new sign-in; nothing of the record, and nothing is done."""
    carried = [(name, value) for name, value in form.items() if name not in ("do", "csrf")][:_MOST]
    context = {"patient": patient, "carried": carried}
    return render.page(request, "staff/medicine_kept.html", context, 401)


async def signed_in_again(request: Request, reader: Reader, form: Mapping[str, str]) -> bool:
    """Whether the form is of an earlier sign-in of the same person: it is shown again and nothing is done.

    Raises FromElsewhere for any other form without this session's proof. The origin was checked before.
    """
    try:
        await browser.check_token(request, reader.csrf)
    except FromElsewhere:
        if reader.person and form.get("who") == reader.person:
            return True
        raise
    return False
