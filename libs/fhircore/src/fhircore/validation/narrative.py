"""The narrative allow-list, txt-1 and txt-2: what a `div` may contain (http://hl7.org/fhir/R4/narrative.html).

The text is read by expat, which knows no entities but the five of XML; a document type, a processing instruction and
a CDATA section are refused because an XML parser and a browser read them differently. What is let through stays
harmless when a page shows it: no script, no event attribute, no form or frame, no style that loads anything, links
only by schemes that do not run code. R4 allows images by http(s), and official examples have them: a page that shows
narratives must not load them (Content-Security-Policy `img-src 'self' data:`).
"""

import re
from typing import Any
from xml.parsers import expat

XHTML = "http://www.w3.org/1999/xhtml"
MAX_DIV = 1024 * 1024

# Chapters 7 to 11 and 15 of HTML 4.0, without 9.4 (ins, del) and what HTML deprecates (u, s, strike, font, center).
_FORMATTING = """
div span p br hr h1 h2 h3 h4 h5 h6 address bdo pre blockquote q a img map area
em strong dfn code samp kbd var cite abbr acronym sub sup tt i b big small
ul ol li dl dt dd table caption colgroup col thead tfoot tbody tr th td
"""
_IN_TABLES = "span width height align valign char charoff abbr axis headers scope rowspan colspan nowrap bgcolor"
_ELEMENTS = frozenset(_FORMATTING.split())
_ANYWHERE = frozenset(["title", "style", "class", "id", "lang", "xml:lang", "dir", "accesskey", "tabindex", "xmlns"])
_TABLE = frozenset(_IN_TABLES.split())
_CELLS = frozenset(["table", "caption", "colgroup", "col", "thead", "tfoot", "tbody", "tr", "th", "td"])
_ON: dict[str, frozenset[str]] = {
    "a": frozenset(["href", "name", "charset", "type", "hreflang", "rel", "rev", "shape", "coords"]),
    "area": frozenset(["href", "shape", "coords", "nohref", "alt"]),
    "blockquote": frozenset(["cite"]),
    "hr": frozenset(["align", "width", "size", "noshade"]),
    "img": frozenset(["src", "alt", "longdesc", "height", "width", "usemap", "ismap", "border", "align"]),
    "li": frozenset(["type", "value"]),
    "map": frozenset(["name"]),
    "ol": frozenset(["type", "start", "compact"]),
    "pre": frozenset(["space", "xml:space", "width"]),
    "q": frozenset(["cite"]),
    "table": frozenset(["summary", "border", "frame", "rules", "cellspacing", "cellpadding"]),
    "ul": frozenset(["type", "compact"]),
}
_LINKS = frozenset(["href", "cite", "longdesc"])
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_SAFE_SCHEMES = frozenset(["http", "https", "mailto", "tel", "urn", "ftp"])
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*", re.ASCII)
_STYLE_LOADS = re.compile(
    r"url\s*\(|expression\s*\(|image(?:-set)?\s*\(|@import|javascript:|behavior|-moz-binding|\\|/\*", re.IGNORECASE
)


class _Scanner:
    """Collects what is not allowed; each fault is a key of the specification and a sentence."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.depth = 0
        self.content = False

    def refuse(self, sentence: str) -> None:
        if len(self.faults) < 10:
            self.faults.append(("txt-1", sentence))

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and (tag != "div" or attributes.get("xmlns") != XHTML):
            self.refuse(f"the outermost element must be <div xmlns='{XHTML}'>")
        self.depth += 1
        if tag not in _ELEMENTS:
            self.refuse(f"the element <{_shown(tag)}> is not allowed; use only basic formatting")
            return
        self.content = self.content or tag == "img"
        for name, value in attributes.items():
            self._attribute(tag, name, value)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        allowed = name in _ANYWHERE or name in _ON.get(tag, ()) or (tag in _CELLS and name in _TABLE)
        if not allowed:
            self.refuse(f"the attribute {_shown(name)} is not allowed on <{tag}>")
        elif name == "style" and _STYLE_LOADS.search(value):
            self.refuse(f"the style of <{tag}> must not load or run anything")
        elif name == "xmlns" and value != XHTML:
            self.refuse(f"<{tag}> must stay in the namespace {XHTML}")
        elif name == "src" and not _safe_image(value):
            self.refuse(
                "an <img> needs a relative or http(s) address, #id of a contained resource, or data:image/…;base64"
            )
        elif name in _LINKS and not _safe_link(value):
            self.refuse(
                f"the {name} of <{tag}> must be relative or start with http:, https:, mailto:, tel:, ftp: or urn:"
            )

    def end(self, _tag: str) -> None:
        self.depth -= 1

    def text(self, data: str) -> None:
        # a line break counts: pretty printers write an empty generated narrative so, and official examples have it
        if not self.content and (data.strip() or "\n" in data):
            self.content = True

    def comment(self, data: str) -> None:
        # a browser ends a comment at "<!-->" and "<!--->"; what follows would be shown as markup
        if data.startswith((">", "->")) or "--!" in data or data.lstrip().startswith("["):
            self.refuse("a comment must not start with '>', '->' or a condition")

    def cdata(self) -> None:
        self.refuse("a CDATA section is not allowed; escape the characters instead")

    def instruction(self, _target: str, _data: str) -> None:
        self.refuse("a processing instruction is not allowed")

    def doctype(self, *_: Any) -> None:
        raise _Refused("a document type is not allowed")


class _Refused(Exception):
    """Stops the parser at once."""


def narrative_faults(div: Any) -> list[tuple[str, str]]:
    """What is wrong with this XHTML as (key, sentence), nothing when it is fine; TypeError when it is not a string."""
    if div.__class__ is not str:
        raise TypeError("a narrative is a string")
    if len(div) > MAX_DIV:
        return [("txt-1", f"the div must have at most {MAX_DIV} characters")]
    scanner = _Scanner()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = scanner.start
    parser.EndElementHandler = scanner.end
    parser.CharacterDataHandler = scanner.text
    parser.CommentHandler = scanner.comment
    parser.StartCdataSectionHandler = scanner.cdata
    parser.ProcessingInstructionHandler = scanner.instruction
    parser.StartDoctypeDeclHandler = scanner.doctype
    try:
        parser.Parse(div, True)
    except expat.ExpatError as error:
        return [
            (
                "txt-1",
                f"the div is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}",
            )
        ]
    except (_Refused, UnicodeEncodeError) as error:
        return [("txt-1", str(error) if isinstance(error, _Refused) else "the div must not contain lone surrogates")]
    if not scanner.faults and not scanner.content:
        scanner.faults.append(("txt-2", "the div must have some text or an image"))
    return scanner.faults


def _shown(name: str) -> str:
    return name[:40]


def _squeezed(value: str) -> str:
    """Without the characters that a browser skips when it looks for the scheme."""
    return "".join(character for character in value if character > " ")


def _safe_link(value: str) -> bool:
    scheme = _SCHEME.match(_squeezed(value))
    return scheme is None or scheme[1].lower() in _SAFE_SCHEMES


def _safe_image(value: str) -> bool:
    scheme = _SCHEME.match(_squeezed(value))
    return scheme is None or scheme[1].lower() in ("http", "https") or _IMAGE.fullmatch(value) is not None
