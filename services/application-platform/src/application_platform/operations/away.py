"""The operator's pages while the database is away: a page in words where there would be none, with what to do."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.refusals import PageRoute
from application_platform.sign_in.signed_in import NotSignedIn
from kit.problems import Kind, Problem
from kit.refusals import as_problem
from kit.room import NoRoom
from kit.telemetry import describe

_AWAY = "Databasen bakom portalen svarar inte, så ingen kan logga in och inget kan visas."
_FULL = "Databasens disk är full, så ingen kan logga in och inget kan visas."
_TODO = "Det som är kvitterat är sparat. Kör fvm doctor på servern: där står vad som är fel och vad du gör."

log = structlog.get_logger(__name__)


class RegionRoute(PageRoute):
    """A page's route; what the database's absence breaks is told as that."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                return await handler(request)
            except (Problem, NotSignedIn):
                raise
            except Exception as error:
                problem = as_problem(error)
                if problem.kind is not Kind.UNAVAILABLE:
                    raise
                log.warning("operator's page without its database", error=describe(error))
                words = f"{_FULL if isinstance(problem, NoRoom) else _AWAY} {_TODO}"
                return render.page(request, "region_away.html", {"text": words}, 503)

        return answering
