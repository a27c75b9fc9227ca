"""The address without a path: whoever types only the name of the region comes to the portal."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_portal() -> RedirectResponse:
    """To the portal, which leads on to sign-in where needed."""
    return RedirectResponse("/portal/", 303)
