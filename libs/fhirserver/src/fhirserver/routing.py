"""Which address is which reading interaction (http://hl7.org/fhir/R4/http.html): for requests, and for GET entries of bundles."""

from urllib.parse import unquote

from fhircore.query import parse
from fhircore.types import TYPES
from fhirserver.allowing import allow
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.interactions.compartment import search_compartment
from fhirserver.interactions.everything import everything
from fhirserver.interactions.history import history, history_of_all, history_of_type
from fhirserver.interactions.read import read
from fhirserver.interactions.search import search, search_everywhere
from fhirserver.interactions.vread import vread
from fhirserver.messages import Answer, Request, no_parameters
from fhirserver.operations.exporting import asks_async, search_later
from fhirserver.problems import Invalid, NotAllowed, NotFound, NotSupported
from fhirserver.scoped import must_reach, narrowing
from fhirserver.search.subset import Cut, cut_for

_NOT_HERE = "{} is not an interaction of this address"


async def ask(engine: Engine, request: Request) -> tuple[str, Answer]:
    """The route's name for metrics, and the answer to a GET, or to a search by POST."""
    parts, method = request.path, request.method
    if not parts or parts == ("_search",):
        return "?", await search_everywhere(engine, request)
    if parts == ("_history",):
        if method != "GET":
            raise NotAllowed(_NOT_HERE.format(method), at="method")
        return "_history", await history_of_all(engine, request)
    type_name = known(request)
    face = engine.mount.faces.get(type_name)
    if face is not None and (answer := await face(engine, request)) is not None:
        return "{type} of a face", answer
    match (method, *parts[1:]):
        case ("GET", id) if not id.startswith(("_", "$")):
            within = narrowing(request, type_name, "r")
            if within is not None:
                await must_reach(engine, request, type_name, an_id(id), within)
            part = _part(request, type_name)
            return "{type}/{id}", _cut(await read(engine, request, type_name, an_id(id)), part, type_name)
        case ("GET",) | ("POST", "_search"):
            if asks_async(request):
                allow(engine, request, type_name, "s")
                return "{type}?", await search_later(engine, request, type_name)
            return "{type}?", await search(engine, request, type_name, narrowing(request, type_name, "s"))
        case ("GET", "_history"):
            allow(engine, request, type_name, "s")
            return "{type}/_history", await history_of_type(engine, request, type_name)
    return await _of_one(engine, request, type_name)


async def _of_one(engine: Engine, request: Request, type_name: str) -> tuple[str, Answer]:
    match (request.method, *request.path[1:]):
        case ("GET", id, "_history"):
            allow(engine, request, type_name, "r")
            return "{type}/{id}/_history", await history(engine, request, type_name, an_id(id))
        case ("GET", id, "_history", version):
            allow(engine, request, type_name, "r")
            part, answer = _part(request, type_name), await vread(engine, request, type_name, an_id(id), version)
            return "{type}/{id}/_history/{version}", _cut(answer, part, type_name)
        case ("GET", id, "$everything") if type_name == "Patient":
            allow(engine, request, "Patient", "r")
            return "Patient/{id}/$everything", await everything(engine, request, an_id(id))
        case ("GET", id, kind) | ("POST", id, kind, "_search") if _in_patient(request.path):
            if kind != "*":
                allow(engine, request, kind, "s")
            return "Patient/{id}/{type}?", await search_compartment(engine, request, an_id(id), kind)
    raise NotAllowed(_NOT_HERE.format(request.method), at="method")


def known(request: Request) -> str:
    """The resource type of the address; parameters that nothing at this address takes are refused by name."""
    type_name = request.path[0]
    if request.query and not (_takes_parameters(request.path) or _is_read(request)):
        no_parameters(request)
    if type_name not in TYPES:
        raise NotFound(f"'{unquote(type_name)[:60]}' is not a resource type of FHIR R4", at="resourceType")
    return type_name


def an_id(text: str) -> str:
    """Raises Invalid when it cannot be the id of anything."""
    if not ID.fullmatch(text):
        raise Invalid("An id is 1 to 64 of the characters A-Z a-z 0-9 - .", at="id")
    return text


def _takes_parameters(path: tuple[str, ...]) -> bool:
    return len(path) == 1 or path[-1] in ("_search", "_history", "$everything") or _in_patient(path)


def _is_read(request: Request) -> bool:
    """Whether one resource or version is read, of which a part may be asked for."""
    path = request.path
    one = len(path) == 2 or (len(path) == 4 and path[2] == "_history")
    return request.method == "GET" and one and not path[1].startswith(("_", "$"))


def _part(request: Request, type_name: str) -> Cut | None:
    """What _summary or _elements leave of what is read (http://hl7.org/fhir/R4/http.html#summary); None: all of it."""
    if not request.query:
        return None
    pairs = request.parameters
    for name, value in pairs:
        if name not in ("_summary", "_elements") or value == "count":
            raise NotSupported(f"The parameter '{name[:60]}' is not supported here", at=name[:60])
    return cut_for(parse(type_name, pairs))


def _cut(answer: Answer, part: Cut | None, type_name: str) -> Answer:
    if part is not None and answer.status == 200:
        answer.body = part(answer.body, type_name)
    return answer


def _in_patient(path: tuple[str, ...]) -> bool:
    """Whether this is a search in a patient's compartment: Patient/x/Observation, Patient/x/*."""
    return path[0] == "Patient" and len(path) > 2 and not path[2].startswith(("_", "$"))
