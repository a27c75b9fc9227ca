"""$meta, $meta-add and $meta-delete: the profiles, tags and security labels of one resource, a type or everything.

http://hl7.org/fhir/R4/resource-operation-meta.html. Changing them is a write like any other: a new version, told and logged.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import msgspec

from access import allows
from fhircore.outcome import InvalidFHIR
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.allowing import allow
from fhirserver.bodies import parsed, plain
from fhirserver.engine import Engine
from fhirserver.intake import ID, draft, require_context
from fhirserver.interactions.read import read
from fhirserver.interactions.vread import vread
from fhirserver.messages import Answer, Request, no_parameters
from fhirserver.performing import Action, perform
from fhirserver.problems import Invalid, NotAllowed, NotFound, NotSupported, VersionConflict
from fhirserver.search.answering import planned, searching
from fhirserver.search.asked import of_type, of_types, stored_types

_SETS = ("profile", "security", "tag")
_MOST = 10_000  # resources with tags that are looked through for a type or for everything
_TRIES = 5
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
Meta = dict[str, Any]
Change = Callable[[Meta, Meta], Meta]


async def meta(engine: Engine, request: Request) -> tuple[str, Answer]:
    """The route and 200 with Parameters; `return` is the Meta."""
    no_parameters(request)
    match (request.method, *request.path):
        case ("GET" | "POST", *of, "$meta") if len(of) < 2:
            return "$meta", _parameters(await _of_many(engine, request, *of))
        case ("GET" | "POST", type_name, id, "$meta"):
            _known(type_name, id)
            allow(engine, request, type_name, "r")
            return "{type}/{id}/$meta", _meta_of(await read(engine, request, type_name, id))
        case ("GET" | "POST", type_name, id, "_history", version, "$meta"):
            _known(type_name, id)
            allow(engine, request, type_name, "r")
            answer = await vread(engine, request, type_name, id, version)
            return "{type}/{id}/_history/{version}/$meta", _meta_of(answer)
        case ("POST", type_name, id, "$meta-add"):
            _known(type_name, id)
            return "{type}/{id}/$meta-add", await _changed(engine, request, type_name, id, _with)
        case ("POST", type_name, id, "$meta-delete"):
            _known(type_name, id)
            return "{type}/{id}/$meta-delete", await _changed(engine, request, type_name, id, _without)
        case ("POST", _, _, "_history", _, "$meta-add" | "$meta-delete"):
            raise NotAllowed("A version stays as it was written; change the current one", at="address")
    raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")


def _known(type_name: str, id: str) -> None:
    if type_name not in TYPES or not ID.fullmatch(id):
        raise NotFound(f"There is no {type_name[:60]}/{id[:64]}", at="address")


def _meta_of(answer: Answer) -> Answer:
    return answer if answer.status != 200 else _parameters(parsed(answer.body).get("meta", {}))


def _parameters(found: Meta) -> Answer:
    told = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": found}]}
    return Answer(200, plain(told))


async def _of_many(engine: Engine, request: Request, type_name: str = "") -> Meta:
    """Every profile, tag and label in use among what the caller may see."""
    if type_name and type_name not in TYPES:
        raise NotFound(f"'{type_name[:60]}' is not a resource type of FHIR R4", at="resourceType")
    if type_name:
        allow(engine, request, type_name, "r")
    met: Meta = {}
    about: set[tuple[int, int, int]] = set()
    returned = 0
    for name in _SETS:
        query = urlencode({f"_{name}:missing": "false"})
        asking = replace(request, method="GET", query=query, headers={}, body=b"")
        asked = of_type(asking, type_name) if type_name else of_types(asking, "", stored_types())
        with searching():
            made = await planned(engine, request, asked)
            some = made.some(_MOST + 1)
            rows = await engine.search_pool.fetch(some.text, *some.values)
        if len(rows) > _MOST:
            raise NotSupported(f"More than {_MOST} resources have a {name}; ask of a type, or of one", at="$meta")
        await engine.codec.ready(engine.search_pool, [row["body"] for row in rows])
        for row in rows:
            if allows(request.caller.scopes, NAMES[row["rtype"]], "r"):
                met = _with(met, parsed(engine.codec.unpack(row["body"], row["key"])).get("meta", {}))
                about |= {(row["pat"], row["rtype"], row["lab"])} if row["pat"] else set()
                returned += 1
    if about and engine.mount.logged:
        await engine.together.write(Entry(request.caller, "meta", sorted(about), returned))
    return {name: sorted(met[name], key=_name) for name in _SETS if met.get(name)}


async def _changed(engine: Engine, request: Request, type_name: str, id: str, change: Change) -> Answer:
    """A new version with other meta, unless it is the same; on the version that is current then, or If-Match names."""
    allow(engine, request, type_name, "u")
    given = _given(request)
    patient = require_context(request, type_name, creating=False)
    wanted = request.if_match()
    reading = replace(request, headers={})
    for _ in range(_TRIES):
        before = await read(engine, reading, type_name, id)
        raw = before.body
        current = parsed(raw).get("meta", {})
        new = change(current, given)
        if wanted is not None and current["versionId"] != str(wanted):
            raise VersionConflict(f"The current version is {current['versionId']}, not {wanted}", at=type_name)
        if new == current:
            return _parameters(current)
        made = draft(_with_meta(raw, new), type_name)
        version = int(current["versionId"])
        action = Action("PUT", type_name, type_name, id, made.raw, made.data, if_match=version, patient=patient)
        try:
            return await perform(engine, request, "meta", [action], lambda done, _: _written(done[0].written))
        except VersionConflict:
            if wanted is not None:
                raise
    raise VersionConflict(f"{type_name}/{id} is being changed all the time; try again", at=type_name)


def _written(written: Any) -> Answer:
    return _parameters(parsed(written.row.body)["meta"])


def _given(request: Request) -> Meta:
    """The Meta of the Parameters that were sent."""
    try:
        data = parsed(draft(request.body, "Parameters").raw)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    found = [one.get("valueMeta") for one in data.get("parameter", []) if one.get("name") == "meta"]
    if len(data.get("parameter", [])) != 1 or len(found) != 1 or not isinstance(found[0], dict):
        raise Invalid("One parameter is expected: meta, with a valueMeta", at="Parameters.parameter")
    other = sorted(set(found[0]) - set(_SETS))
    if other:
        raise NotSupported(f"meta.{other[0][:60]} is set by the server", at=f"Meta.{other[0][:60]}")
    return dict(found[0])


def _name(one: Any) -> tuple[str, ...]:
    """What makes two of them the same."""
    return (one,) if isinstance(one, str) else (one.get("system", ""), one.get("code", ""))


def _with(current: Meta, given: Meta) -> Meta:
    made = dict(current)
    for name in _SETS:
        there = {_name(one) for one in current.get(name, [])}
        added = {_name(one): one for one in given.get(name, []) if _name(one) not in there}
        if added:
            made[name] = [*current.get(name, []), *added.values()]
    return made


def _without(current: Meta, given: Meta) -> Meta:
    made = dict(current)
    for name in _SETS:
        gone = {_name(one) for one in given.get(name, [])}
        kept = [one for one in current.get(name, []) if _name(one) not in gone]
        made.pop(name, None)
        if kept:
            made[name] = kept
    return made


def _with_meta(raw: bytes, new: Meta) -> bytes:
    """The same resource with another meta; everything else keeps its bytes."""
    members = _members(raw)
    members["meta"] = msgspec.Raw(plain(new))
    return b"{" + b",".join(plain(name) + b":" + bytes(value) for name, value in members.items()) + b"}"
