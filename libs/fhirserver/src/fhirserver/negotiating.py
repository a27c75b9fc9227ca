"""JSON or XML, plain or pretty: by Accept, Content-Type, _format and _pretty (http://hl7.org/fhir/R4/http.html#mime-type).

JSON is the stored form. Who asks for it pays for nothing but a look at the headers: XML is made from the finished answer, and
what arrives as XML becomes JSON before any interaction sees it.
"""

import asyncio
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from urllib.parse import parse_qsl

import msgspec

from fhircore.outcome import InvalidFHIR
from fhircore.xml import from_xml, to_xml
from fhirserver.messages import JSON, Answer, Headers, Request
from fhirserver.problems import Invalid, NotAcceptable, WrongMedia

XML = b"application/fhir+xml;charset=utf-8"
_LARGE = 64 * 1024  # bytes from which a conversion leaves the event loop's thread
_KINDS = {
    "json": "json", "application/json": "json", "application/fhir+json": "json", "application/*": "json", "*/*": "json",
    "text/json": "json", "application/json+fhir": "json",
    "xml": "xml", "text/xml": "xml", "application/xml": "xml", "application/fhir+xml": "xml", "application/xml+fhir": "xml",
}  # fmt: skip
# Answers that are no resource: files of jobs, and GraphQL. Who asks for one of them gets problems as JSON.
_KINDS |= dict.fromkeys(("application/fhir+ndjson", "application/ndjson", "application/graphql-response+json"), "json")
_XML_BODY = frozenset(("application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir"))
_VERSIONS = ("4.0", "4.0.0", "4.0.1")
_LINK = re.compile(rb'("relation":"(?:self|next|previous|first|last)","url":"[^"]*)"')
_decode = msgspec.json.Decoder(float_hook=Decimal).decode  # every digit of a decimal is kept
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written. `links` is what the address said of it, for the links of a Bundle."""

    xml: bool = False
    pretty: bool = False
    links: str = ""

    @property
    def plain(self) -> bool:
        """Whether the answer leaves as it was made."""
        return not (self.xml or self.pretty or self.links)


PLAIN = Form()


def form_of(headers: Headers, query: str) -> Form:
    """What this request wants. `_format` goes before Accept. Raises NotAcceptable, Invalid."""
    if "_format" not in query and "_pretty" not in query:
        accept = headers.get(b"accept")
        return PLAIN if accept is None else _accepted(accept)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    form = _named(asked["_format"]) if "_format" in asked else _accepted(headers.get(b"accept", b""))
    pretty = asked.get("_pretty", "false")
    if pretty not in ("true", "false"):
        raise Invalid("_pretty is true or false", at="_pretty")
    said = [part for part in query.split("&") if part.startswith(("_format=", "_pretty="))]
    return replace(form, pretty=pretty == "true", links="&".join(said))


def _named(text: str) -> Form:
    kind = _KINDS.get(text.replace(" ", "+").split(";")[0].strip().lower())  # a plus sign in an address is a space
    if kind is None:
        raise NotAcceptable(f"_format={text[:60]} is not answered here; use json or xml", at="_format")
    return Form(xml=kind == "xml")


@lru_cache(maxsize=1024)
def _accepted(accept: bytes) -> Form:
    """The most wanted of what we can write; JSON where nothing is said. Raises NotAcceptable when it is neither."""
    best, weight = "", 0.0
    ranges = [part.strip() for part in accept.decode("latin-1").lower().split(",") if part.strip()]
    for one in ranges:
        name, *parameters = (part.strip() for part in one.split(";"))
        kind = _KINDS.get(name)
        given = dict(part.partition("=")[::2] for part in parameters)
        if kind is None or given.get("fhirversion", "4.0") not in _VERSIONS:
            continue
        wanted = _quality(given.get("q", "1"))
        if wanted > weight:
            best, weight = kind, wanted
    if ranges and not best:
        text = "Answers are application/fhir+json or application/fhir+xml of FHIR 4.0"
        raise NotAcceptable(text, at="Accept")
    return Form(xml=best == "xml")


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _is_xml(headers: Headers) -> bool:
    kind = headers.get(b"content-type")
    return kind is not None and kind.split(b";")[0].strip().lower().decode("latin-1") in _XML_BODY


async def read_body(request: Request, body: bytes) -> bytes:
    """The body as JSON; a request that was sent as XML goes on as if it had been JSON. Raises Invalid, WrongMedia."""
    if not _is_xml(request.headers):
        return body
    parameters = request.headers[b"content-type"].decode("latin-1").lower().partition(";")[2]
    given = dict(part.strip().partition("=")[::2] for part in parameters.split(";"))
    if given.get("fhirversion", "4.0") not in _VERSIONS:
        raise WrongMedia("The body must be FHIR 4.0", at="Content-Type")
    request.headers = {**request.headers, b"content-type": JSON}
    if not body.strip():
        return b""
    return await asyncio.to_thread(_read, body) if len(body) > _LARGE else _read(body)


def _read(body: bytes) -> bytes:
    try:
        return _encode(from_xml(body))
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    except RecursionError:
        raise Invalid("The input is nested deeper than any resource may be", at="body") from None


async def written(answer: Answer, form: Form) -> Answer:
    """The answer in the form that was asked for. What is no resource stays as it is. Raises NotAcceptable."""
    if form.plain or answer.content_type != JSON or not answer.body.startswith(b'{"resourceType"'):
        return answer
    body = _with_links(answer.body, form.links) if form.links else answer.body
    if form.xml:
        made = await asyncio.to_thread(_xml, body, form.pretty) if len(body) > _LARGE else _xml(body, form.pretty)
        return replace(answer, body=made, content_type=XML)
    return replace(answer, body=msgspec.json.format(body, indent=2) if form.pretty else body)


def _xml(body: bytes, pretty: bool) -> bytes:
    try:
        return to_xml(_decode(body), pretty)
    except InvalidFHIR as error:  # a control character, say, for which XML has no way of writing
        raise NotAcceptable(f"This can be answered as JSON only: {error.issues[0].detail}", at="Accept") from None


def _with_links(body: bytes, said: str) -> bytes:
    """The links of a Bundle ask for the same form as the request did, where they do not say it already."""
    head, entry, rest = body.partition(b'"entry":[')
    if not head.startswith(b'{"resourceType":"Bundle"'):
        return body
    missing = said.encode("ascii", "ignore").replace(b'"', b"%22").replace(b"\\", b"%5C")

    def linked(match: re.Match[bytes]) -> bytes:
        link = match.group(1)
        if b"_format=" in link or b"_pretty=" in link:
            return match.group(0)
        return link + (b"&" if b"?" in link else b"?") + missing + b'"'

    return _LINK.sub(linked, head) + entry + rest
