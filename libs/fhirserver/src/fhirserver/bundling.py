"""The Bundle that is posted to the base: how it is read, and its entries that only ask (http://hl7.org/fhir/R4/http.html#transaction)."""

from typing import Any

import msgspec

from fhircore.outcome import InvalidFHIR
from fhirserver.bodies import minified, plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.operations.delivering import Stream
from fhirserver.operations.dispatching import is_operation
from fhirserver.problems import Invalid, NotSupported
from fhirserver.routing import ask

_ASKS = ("GET", "HEAD")
_PHRASES = {200: "200 OK", 304: "304 Not Modified"}


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # its words may hold what was sent
        raise Invalid("This is not JSON in UTF-8", at="Bundle") from None
    if bundle.resource_type != "Bundle":
        raise Invalid("A Bundle of type transaction or batch was expected at the base address", at="resourceType")
    if bundle.type not in ("transaction", "batch"):
        raise Invalid("Bundle.type must be transaction or batch to be carried out", at="Bundle.type")
    return bundle


def asks_only(entry: Entry, at: str) -> bool:
    """Whether this entry reads or searches. Raises Invalid where it has no request at all."""
    if entry.request is None:
        raise Invalid("An entry of a transaction or batch needs a request", at=f"{at}.request")
    return entry.request.method in _ASKS


def ask_of(engine: Engine, request: Request, entry: Entry, at: str) -> Request:
    """The request that a GET or HEAD entry stands for. Raises Invalid, NotSupported."""
    asked = entry.request
    assert asked is not None
    wrong = {
        "ifNoneExist": asked.if_none_exist, "ifMatch": asked.if_match, "ifModifiedSince": asked.if_modified_since,
    }  # fmt: skip
    for name, value in wrong.items():
        if value is not None:
            raise NotSupported(f"{name} is not supported for {asked.method}", at=f"{at}.request.{name}")
    path, _, query = asked.url.removeprefix(engine.mount.base).partition("?")
    parts = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    if ":" in path or is_operation(parts) or parts[:1] == ("metadata",):
        raise NotSupported("A GET entry reads, searches or asks for a history", at=f"{at}.request.url")
    headers = {}
    if asked.if_none_match is not None:
        headers[b"if-none-match"] = asked.if_none_match.encode("latin-1", "replace")
    if request.lenient:
        headers[b"prefer"] = b"handling=lenient"
    return Request(asked.method, parts, query, headers, b"", request.caller, request.sight)


async def answered(engine: Engine, asking: Request) -> bytes:
    """Bundle.entry of what was asked for. Raises the Problem of what cannot be had."""
    head = asking.method == "HEAD"
    asking.method = "GET"
    try:
        _, answer = await ask(engine, asking)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    finally:
        asking.method = "HEAD" if head else "GET"
    if isinstance(answer, Stream):
        raise NotSupported("This is not answered inside a bundle", at="request.url")
    resource = b'"resource":' + answer.body + b"," if answer.body and not head else b""
    return b"{" + resource + b'"response":' + plain(_told(answer)) + b"}"


def _told(answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    told = {"status": _PHRASES.get(answer.status, str(answer.status))}
    if b"etag" in headers:
        told["etag"] = headers[b"etag"].decode()
    return told
