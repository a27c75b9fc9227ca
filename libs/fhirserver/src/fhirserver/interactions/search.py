"""search of one type or over many, by GET or POST _search (http://hl7.org/fhir/R4/http.html#search)."""

from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.scoped import Narrowing
from fhirserver.search.answering import answer, searching
from fhirserver.search.asked import of_type, of_types, stored_types, within_scopes

__all__ = ["search", "search_everywhere", "searching", "within_scopes"]


async def search(engine: Engine, request: Request, type_name: str, within: Narrowing | None = None) -> Answer:
    """200 with a searchset; what may not be seen is absent from entries and total alike (D10)."""
    asked = of_type(request, type_name)
    if within is not None:
        within.apply(engine, request, asked)
    return await answer(engine, request, asked)


async def search_everywhere(engine: Engine, request: Request) -> Answer:
    """The same over every type that the token allows, or those of `_type`, by the parameters that all of them have."""
    return await answer(engine, request, of_types(request, "", stored_types()))
