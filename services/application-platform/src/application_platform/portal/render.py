"""Pages from templates, with the headers every page carries: strict CSP, no caching, no framing."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from application_platform.portal.swedish import MONTHS

_FOLDER = Path(str(files("application_platform.portal")))
STATIC = "/portal/static"
THEMES = ("light", "dark")
THEME_COOKIE = "fvm_theme"
DENSITY_COOKIE = "fvm_density"


def policy(form_action: str = "'self'") -> str:
    """The content security policy; `form_action` widens where forms may lead (a sign-in that ends in an app)."""
    own = "'self'"
    parts = {
        "default-src": "'none'",
        "script-src": own,
        "worker-src": own,
        "style-src": own,
        "img-src": own,
        "font-src": own,
        "connect-src": own,
        "form-action": form_action,
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def headers(form_action: str = "'self'") -> dict[str, str]:
    """What every page answers with."""
    return {
        "Content-Security-Policy": policy(form_action),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


@cache
def static(name: str, *, plain: bool = False) -> str:
    """The address of a static file, with a mark of its content so that it may be kept for ever; `plain` without."""
    if plain:
        return f"{STATIC}/{name}"
    mark = hashlib.sha256((_FOLDER / "static" / name).read_bytes()).hexdigest()[:10]
    return f"{STATIC}/{name}?v={mark}"


@cache
def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(static=static, months=MONTHS)
    return found


def fragment(template: str, context: Mapping[str, Any]) -> str:
    """A part of a page as text."""
    return environment().get_template(template).render(**context)


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    status: int = 200,
    *,
    form_action: str = "'self'",
) -> HTMLResponse:
    """A page in Swedish; also what `app.state.render` is, for the pages of sign-in.

    The reader's choices of light or dark, and of airy rows, come from cookies.
    """
    theme = request.cookies.get(THEME_COOKIE, "")
    airy = request.cookies.get(DENSITY_COOKIE) == "airy"
    shown = {"theme": theme if theme in THEMES else "", "airy": airy, **context}
    return HTMLResponse(fragment(template, shown), status, headers=headers(form_action))


class Static(StaticFiles):
    """The files of the look; those asked for by their mark may be kept for a year."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER / "static")

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        marked = b"v=" in scope.get("query_string", b"")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if marked else "public, max-age=86400"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer
