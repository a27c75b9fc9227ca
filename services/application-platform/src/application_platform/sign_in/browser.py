"""What a browser is asked for before it is believed: the cookie, the Origin, the CSRF token; and where it may be sent.

https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import hmac
import re
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from fastapi.responses import Response

from application_platform.settings import Settings
from kit.problems import Kind, Problem

HOME = "/portal/"
# A path of ours: never "//host" or "/\host", which browsers read as another site.
_OURS = re.compile(r"/(?:portal|auth/authorize|auth/sessions)(?:[/?][\x21-\x5b\x5d-\x7e]*)?")


class FromElsewhere(Problem):
    """A form was sent from another site, or without proof that it was not."""

    kind = Kind.FORBIDDEN
    code = "application/from-elsewhere"
    title = "The form was not sent from our own page; open the page again and repeat"


def cookie_name(settings: Settings, what: str) -> str:
    """Cookies are shared by all ports of a host, so the region is in the name; `__Host-` where TLS allows it."""
    name = f"fvm_{what}" + (f"_{settings.region}" if settings.region else "")
    return f"__Host-{name}" if secure(settings) else name


def secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")


def set_cookie(response: Response, settings: Settings, what: str, value: str) -> None:
    """A cookie that scripts cannot read, that does not follow from other sites' forms, and ends with the browser."""
    name = cookie_name(settings, what)
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=secure(settings), path="/")


def drop_cookie(response: Response, settings: Settings, what: str) -> None:
    name = cookie_name(settings, what)
    response.delete_cookie(name, httponly=True, samesite="lax", secure=secure(settings), path="/")


def check_origin(request: Request, settings: Settings) -> None:
    """Raises FromElsewhere unless the browser says that the request began on our own pages."""
    ours = urlsplit(settings.public_url)
    origin = request.headers.get("origin")
    if origin is None and request.headers.get("sec-fetch-site") == "same-origin":
        return
    if origin != f"{ours.scheme}://{ours.netloc}":
        raise FromElsewhere(f"The request did not begin at {settings.public_url}")


async def check_token(request: Request, expected: str) -> None:
    """Raises FromElsewhere unless the form's `csrf` (or the header X-CSRF-Token) is the page's own."""
    shown = request.headers.get("x-csrf-token")
    if shown is None:
        field = (await request.form()).get("csrf")
        shown = field if isinstance(field, str) else ""
    if not expected or not hmac.compare_digest(shown.encode(), expected.encode()):
        raise FromElsewhere


async def check(request: Request, settings: Settings, token: str) -> None:
    """Both: what every form that changes something must pass."""
    check_origin(request, settings)
    await check_token(request, token)


def safe_next(text: str | None) -> str:
    """Where to go after signing in: an address of ours, else the portal's first page."""
    return text if text and len(text) < 4_000 and _OURS.fullmatch(text) else HOME


_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(?::[0-9]{1,5})?|[a-z][a-z0-9+.\-]*:")


def form_targets(back: str | None) -> str:
    """The CSP `form-action` of a door's page: browsers hold it against the redirects after a form as well."""
    parts = urlsplit(back or "")
    if parts.path != "/auth/authorize":
        return "'self'"
    app = urlsplit(parse_qs(parts.query).get("redirect_uri", [""])[0])
    target = f"{app.scheme}://{app.netloc}" if app.netloc else f"{app.scheme}:"
    return f"'self' {target}" if _ORIGIN.fullmatch(target) else "'self'"
