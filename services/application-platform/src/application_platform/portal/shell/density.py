"""How close rows stand: a setting of this browser, as light and dark is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.reader import Reads
from application_platform.portal.refusals import PageRoute

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)


@router.post("/density")
async def choose(
    request: Request, _: Reads, density: Annotated[Literal["airy", "dense"], Form()] = "dense"
) -> Response:
    """Airy (rows 8 px higher, text 17 px) or dense, kept in this browser."""
    answer = RedirectResponse("/portal/", 303)
    if density == "dense":
        answer.delete_cookie(render.DENSITY_COOKIE, path="/portal")
    else:
        secure = request.url.scheme == "https"
        answer.set_cookie(
            render.DENSITY_COOKIE,
            density,
            max_age=365 * 86400,
            path="/portal",
            httponly=True,
            secure=secure,
            samesite="lax",
        )
    return answer
