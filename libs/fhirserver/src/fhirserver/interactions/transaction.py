"""transaction: all entries of a Bundle or none (http://hl7.org/fhir/R4/http.html#transaction)."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from access import allows
from fhircore.outcome import InvalidFHIR
from fhircore.types import TYPES
from fhirserver import answers, conditions
from fhirserver.bodies import instant, parsed, plain
from fhirserver.bundling import Entry, EntryRequest, Incoming, answered, ask_of, asks_only
from fhirserver.engine import Engine
from fhirserver.intake import ID, checked, patient_in_context, refuse_patients
from fhirserver.interactions.delete import refuse_people
from fhirserver.interactions.patch import refuse_subscription
from fhirserver.messages import Answer, Request, version_of
from fhirserver.patching import patch_in
from fhirserver.performing import Action, Done, located, perform
from fhirserver.problems import Forbidden, Invalid, NotAllowed, NotSupported
from kit.problems import Problem

_BREATH = 50
_RIGHT = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}
_STATUS = {"created": "201 Created", "updated": "200 OK"}
_CHANGES = ("PUT", "PATCH")
_NEEDED = ("Patient", "Subscription")  # looked at before anything is stored


async def transaction(engine: Engine, request: Request, bundle: Incoming) -> Answer:
    """200 with a transaction-response in the order of the request; or the first error, and nothing is stored.

    Deletions go first, then creates, updates and patches; what is read or searched for is seen as it is after them.
    """
    actions: list[Action] = []
    asks: list[tuple[int, Request]] = []
    for place, entry in enumerate(bundle.entry):
        at = f"Bundle.entry[{place}]"
        try:
            if asks_only(entry, at):
                asks.append((place, ask_of(engine, request, entry, at)))
            else:
                actions.append(action_of(engine, request, entry, at, later=True))
        except Problem as problem:
            raise located(problem, at) from None
        if place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
    _about_one_patient(request, actions)
    read: dict[int, bytes] = {}
    render = partial(response, engine, request, read)
    reads = partial(_read_all, asks, read) if asks else None
    return await perform(engine, request, "transaction", actions, render, reads)


async def _read_all(asks: Sequence[tuple[int, Request]], read: dict[int, bytes], engine: Engine) -> None:
    """Every GET and HEAD, on the connection that has written; one that fails fails the transaction."""
    for place, asking in asks:
        try:
            read[place] = await answered(engine, asking)
        except Problem as problem:
            raise located(problem, f"Bundle.entry[{place}]") from None


def action_of(engine: Engine, request: Request, entry: Entry, at: str, *, later: bool = False) -> Action:
    """One entry that writes as an action, its resource checked. Raises the Problem, saying where.

    `later`: what is needed only when it is stored is checked then, once and with its references final.
    """
    asked = entry.request
    assert asked is not None
    if asked.method not in _RIGHT:
        raise Invalid(f"'{asked.method[:20]}' is not a method of a bundle entry", at=f"{at}.request.method")
    type_name, id, query = _address(asked, at)
    if not engine.mount.writable(type_name):
        raise NotAllowed(f"{type_name} is not written here. {engine.mount.elsewhere}", at=f"{at}.request.url")
    if not allows(request.caller.scopes, type_name, _RIGHT[asked.method]):
        raise Forbidden(f"The token's scopes do not allow {asked.method} of {type_name}", at=at)
    refuse_patients(request.caller)
    action = Action(asked.method, type_name, at, id, full_url=entry.full_url)
    if query:
        action.condition = conditions.condition(f"{type_name}?{query}", f"{at}.request.url")
    _conditions(asked, action)
    if asked.method == "DELETE":
        refuse_people(request)
    elif asked.method == "PATCH":
        refuse_subscription(type_name, at)
        action.patch = patch_in(bytes(entry.resource), f"{at}.resource")
    else:
        _take_resource(entry, action, later=later and _may_wait(asked, type_name))
    if asked.if_none_exist is not None:
        action.condition = conditions.condition(f"{type_name}?{asked.if_none_exist.removeprefix('?')}", at)
    return action


def _may_wait(asked: EntryRequest, type_name: str) -> bool:
    """Whether nothing is asked of the resource before it is stored, and it is stored for certain."""
    return asked.method == "POST" and asked.if_none_exist is None and type_name not in _NEEDED


def _conditions(asked: EntryRequest, action: Action) -> None:
    """ifMatch and ifNoneMatch; what does not fit the method is refused, never left out."""
    method = asked.method
    wrong = {
        "ifNoneExist": asked.if_none_exist is not None and method != "POST",
        "ifMatch": asked.if_match is not None and (method == "POST" or (method == "DELETE" and action.id is None)),
        "ifNoneMatch": asked.if_none_match is not None and (method != "PUT" or asked.if_none_match.strip() != "*"),
        "ifModifiedSince": asked.if_modified_since is not None,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise NotSupported(f"{name} is not supported so for {method}", at=f"{action.at}.request.{name}")
    action.must_be_new = asked.if_none_match is not None
    if asked.if_match is not None:
        action.if_match = version_of(asked.if_match)


def _take_resource(entry: Entry, action: Action, *, later: bool) -> None:
    at = f"{action.at}.resource"
    if not bytes(entry.resource):
        raise Invalid(f"A {action.method} needs a resource", at=at)
    raw = bytes(entry.resource)
    if later:
        action.raw, action.unread = raw, True
        return
    try:
        draft = checked(raw, parsed(raw), action.type_name, at)
    except InvalidFHIR as error:
        raise Invalid(error.issues[0].detail, at=at) from None
    action.raw, action.data = raw, draft.data
    if action.method == "PUT" and action.id is not None and draft.data.get("id") != action.id:
        raise Invalid(f"The id of the resource must be the id in request.url ({action.id})", at=f"{at}.id")


def _address(asked: EntryRequest, at: str) -> tuple[str, str | None, str]:
    """Type, id and query of a url: `Type` for POST, `Type/id` or `Type?query` for the others."""
    path, _, query = asked.url.partition("?")
    parts = path.strip("/").split("/")
    if parts[0] not in TYPES:
        raise Invalid(f"'{parts[0][:60]}' is not a resource type of FHIR R4", at=f"{at}.request.url")
    if asked.method == "POST":
        right, form = len(parts) == 1 and not query, "Type"
    elif query:
        right, form = len(parts) == 1, "Type?query"
    else:
        right, form = len(parts) == 2 and ID.fullmatch(parts[1]) is not None, "Type/id, or Type?query"
    if not right:
        raise Invalid(f"The url of a {asked.method} is {form}", at=f"{at}.request.url")
    return parts[0], parts[1] if len(parts) == 2 else None, query


def _about_one_patient(request: Request, actions: Sequence[Action]) -> None:
    """Staff write about the patient in context, or about one they create in the same transaction (D10)."""
    if request.caller.kind != "staff":
        return
    patient = patient_in_context(request)
    created = [n for n, action in enumerate(actions) if action.method == "POST" and action.type_name == "Patient"]
    about = [n for n, action in enumerate(actions) if TYPES[action.type_name].kind == "patient"]
    about += [n for n, action in enumerate(actions) if action.method in _CHANGES and action.type_name == "Patient"]
    if patient is None and about and len(created) != 1:
        raise Forbidden(
            "A staff member writes about one patient at a time: send the header FVM-Patient with the patient's id",
            at="FVM-Patient",
        )
    for place in about:
        actions[place].patient = patient
        actions[place].patient_at = created[0] if patient is None else None


def response(
    engine: Engine, request: Request, read: Mapping[int, bytes], done: Sequence[Done], position: int
) -> Answer:
    """The transaction-response Bundle; `read` are the entries that were asked for, by place."""
    full = request.wanted_in_bundle == "representation"
    written = iter(done)
    count = len(done) + len(read)
    entries = b",".join(
        read[place] if place in read else entry_response(engine, next(written), full=full) for place in range(count)
    )
    head = b'{"resourceType":"Bundle","type":"transaction-response"'
    body = head + (b',"entry":[' + entries + b"]}" if count else b"}")
    return Answer(200, body, [(b"fvm-position", b"%d" % position)])


def entry_response(engine: Engine, done: Done, *, full: bool) -> bytes:
    """Bundle.entry of one action that was done."""
    written, found = done.written, done.found
    told: dict[str, Any]
    if found is not None:
        where = answers.location(engine, found.type_name, found.id, found.ver)
        told = {"status": "200 OK", "location": where, "etag": f'W/"{found.ver}"', "lastModified": instant(found.upd)}
        return b'{"response":' + plain(told) + b"}"
    if written is None or done.more:  # a conditional delete of nothing, or of several
        return b'{"response":{"status":"204 No Content"}}'
    status = _STATUS.get(written.outcome, "204 No Content")
    where = ""
    if written.row is not None:  # nothing in it needs escapes: ids, types and our own address
        where = f',"location":"{answers.location(engine, written.type_name, written.id, written.ver)}"'
    resource = b'"resource":' + written.row.body + b"," if full and written.row is not None else b""
    return b'{%b"response":{"status":"%b","etag":"W/\\"%d\\"","lastModified":"%b"%b}}' % (
        resource, status.encode(), written.ver, instant(written.upd).encode(), where.encode(),
    )  # fmt: skip
