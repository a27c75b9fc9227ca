"""transaction: all entries of a Bundle or none (http://hl7.org/fhir/R4/http.html#transaction)."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from access import allows
from fhircore.outcome import InvalidFHIR
from fhircore.types import TYPES
from fhirserver import answers, conditions
from fhirserver.bodies import instant, minified, parsed, plain
from fhirserver.engine import Engine
from fhirserver.intake import ID, checked, patient_in_context, refuse_patients
from fhirserver.interactions.delete import refuse_people
from fhirserver.messages import Answer, Request, version_of
from fhirserver.performing import Action, Done, located, perform
from fhirserver.problems import Forbidden, Invalid, NotAllowed, NotSupported
from kit.problems import Problem

_BREATH = 50
_RIGHT = {"POST": "c", "PUT": "u", "DELETE": "d"}


class EntryRequest(msgspec.Struct, rename="camel"):
    """Bundle.entry.request."""

    method: str = ""
    url: str = ""
    if_none_exist: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


class Entry(msgspec.Struct, rename="camel"):
    """Bundle.entry, its resource still as bytes."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()  # empty: absent
    request: EntryRequest | None = None


class Incoming(msgspec.Struct, rename="camel"):
    """A Bundle as it is posted to the base."""

    resource_type: str = ""
    type: str = ""
    entry: list[Entry] = []


_decode = msgspec.json.Decoder(Incoming).decode


def incoming(body: bytes) -> Incoming:
    """The Bundle in these bytes. Raises Invalid when it is none, or not of type transaction or batch."""
    try:
        bundle = _decode(minified(body))
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    except msgspec.ValidationError as error:
        raise Invalid(f"This is not a Bundle: {error}", at="Bundle") from None
    if bundle.resource_type != "Bundle":
        raise Invalid("A Bundle of type transaction or batch was expected at the base address", at="resourceType")
    if bundle.type not in ("transaction", "batch"):
        raise Invalid("Bundle.type must be transaction or batch to be carried out", at="Bundle.type")
    return bundle


async def transaction(engine: Engine, request: Request, bundle: Incoming) -> Answer:
    """200 with a transaction-response in the order of the request; or the first error, and nothing is stored."""
    actions: list[Action] = []
    for place, entry in enumerate(bundle.entry):
        at = f"Bundle.entry[{place}]"
        try:
            actions.append(action_of(engine, request, entry, at))
        except Problem as problem:
            raise located(problem, at) from None
        if place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
    _about_one_patient(request, actions)
    return await perform(engine, request, "transaction", actions, partial(response, engine, request))


def action_of(engine: Engine, request: Request, entry: Entry, at: str) -> Action:
    """One entry as an action, its resource checked. Raises the Problem, saying where."""
    if entry.request is None:
        raise Invalid("An entry of a transaction or batch needs a request", at=f"{at}.request")
    asked = entry.request
    if asked.method not in _RIGHT:
        raise NotSupported(f"'{asked.method[:20]}' is not supported in a bundle here yet", at=f"{at}.request.method")
    type_name, id = _address(asked, at)
    if not engine.mount.writable(type_name):
        raise NotAllowed(f"{type_name} is not written here. {engine.mount.elsewhere}", at=f"{at}.request.url")
    if not allows(request.caller.scopes, type_name, _RIGHT[asked.method]):
        raise Forbidden(f"The token's scopes do not allow {asked.method} of {type_name}", at=at)
    refuse_patients(request.caller)
    action = Action(asked.method, type_name, at, id, full_url=entry.full_url)
    _conditions(asked, action)
    if asked.method == "DELETE":
        refuse_people(request)
        return action
    _take_resource(entry, action)
    if asked.if_none_exist is not None:
        action.condition = conditions.condition(f"{type_name}?{asked.if_none_exist.removeprefix('?')}", at)
    return action


def _conditions(asked: EntryRequest, action: Action) -> None:
    """ifMatch; what does not fit the method is refused, never left out."""
    wrong = {
        "ifNoneExist": asked.if_none_exist is not None and asked.method != "POST",
        "ifMatch": asked.if_match is not None and asked.method == "POST",
        "ifNoneMatch": asked.if_none_match is not None,
        "ifModifiedSince": asked.if_modified_since is not None,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise NotSupported(f"{name} is not supported for {asked.method}", at=f"{action.at}.request.{name}")
    if asked.if_match is not None:
        action.if_match = version_of(asked.if_match)


def _take_resource(entry: Entry, action: Action) -> None:
    at = f"{action.at}.resource"
    if not bytes(entry.resource):
        raise Invalid(f"A {action.method} needs a resource", at=at)
    raw = bytes(entry.resource)
    try:
        draft = checked(raw, parsed(raw), action.type_name, at)
    except InvalidFHIR as error:
        raise Invalid(error.issues[0].detail, at=at) from None
    action.raw, action.data = raw, draft.data
    if action.method == "PUT" and draft.data.get("id") != action.id:
        raise Invalid(f"The id of the resource must be the id in request.url ({action.id})", at=f"{at}.id")


def _address(asked: EntryRequest, at: str) -> tuple[str, str | None]:
    path, question, _ = asked.url.partition("?")
    parts = path.strip("/").split("/")
    if question:
        raise NotSupported("Conditional update and delete are not supported yet", at=f"{at}.request.url")
    if parts[0] not in TYPES:
        raise Invalid(f"'{parts[0][:60]}' is not a resource type of FHIR R4", at=f"{at}.request.url")
    wanted = 1 if asked.method == "POST" else 2
    if len(parts) != wanted or (wanted == 2 and not ID.fullmatch(parts[1])):
        form = "Type" if wanted == 1 else "Type/id"
        raise Invalid(f"The url of a {asked.method} is {form}", at=f"{at}.request.url")
    return parts[0], parts[1] if wanted == 2 else None


def _about_one_patient(request: Request, actions: Sequence[Action]) -> None:
    """Staff write about the patient in context, or about one they create in the same transaction (D10)."""
    if request.caller.kind != "staff":
        return
    patient = patient_in_context(request)
    created = [n for n, action in enumerate(actions) if action.method == "POST" and action.type_name == "Patient"]
    about = [n for n, action in enumerate(actions) if TYPES[action.type_name].kind == "patient"]
    about += [n for n, action in enumerate(actions) if action.method == "PUT" and action.type_name == "Patient"]
    if patient is None and about and len(created) != 1:
        raise Forbidden(
            "A staff member writes about one patient at a time: send the header FVM-Patient with the patient's id",
            at="FVM-Patient",
        )
    for place in about:
        actions[place].patient = patient
        actions[place].patient_at = created[0] if patient is None else None


def response(engine: Engine, request: Request, done: Sequence[Done], position: int) -> Answer:
    """The transaction-response Bundle."""
    full = "return=representation" in (request.header(b"prefer") or "")
    entries = b",".join(entry_response(engine, one, full=full) for one in done)
    head = b'{"resourceType":"Bundle","type":"transaction-response"'
    body = head + (b',"entry":[' + entries + b"]}" if done else b"}")
    return Answer(200, body, [(b"fvm-position", b"%d" % position)])


def entry_response(engine: Engine, done: Done, *, full: bool) -> bytes:
    """Bundle.entry of one action that was done."""
    written, found = done.written, done.found
    told: dict[str, Any]
    if found is not None:
        where = answers.location(engine, found.type_name, found.id, found.ver)
        told = {"status": "200 OK", "location": where, "etag": f'W/"{found.ver}"', "lastModified": instant(found.upd)}
        return b'{"response":' + plain(told) + b"}"
    assert written is not None
    status = {"created": "201 Created", "updated": "200 OK"}.get(written.outcome, "204 No Content")
    told = {"status": status, "etag": f'W/"{written.ver}"', "lastModified": instant(written.upd)}
    if written.row is not None:
        told["location"] = answers.location(engine, written.type_name, written.id, written.ver)
    resource = b'"resource":' + written.row.body + b"," if full and written.row is not None else b""
    return b"{" + resource + b'"response":' + plain(told) + b"}"
