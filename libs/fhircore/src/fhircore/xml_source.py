"""XML text → a small tree, refusing everything that an XML parser can be attacked with (https://www.w3.org/TR/xml/)."""

from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

from fhircore.outcome import InvalidFHIR

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
MAX_NESTING = 100


class Element(msgspec.Struct, gc=False):
    """One element: namespace, local name, attributes of no namespace, children, and for XHTML its own source."""

    space: str
    name: str
    attributes: dict[str, str]
    children: list["Element"]
    source: str = ""


def read(text: str | bytes) -> Element:
    """The root element. Raises InvalidFHIR for what is not well-formed, and for document types and other instructions."""
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise InvalidFHIR("The XML has a character that is none.", code="structure") from error
    reader = _Reader(data)
    parser = expat.ParserCreate("utf-8" if isinstance(text, str) else None, " ")
    reader.parser = parser
    parser.buffer_text = True
    parser.XmlDeclHandler = reader.declaration
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse("A document type")
    parser.ProcessingInstructionHandler = _refuse("A processing instruction")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InvalidFHIR(f"The XML is not well-formed (line {error.lineno}).", code="structure") from error
    except (ValueError, LookupError) as error:
        raise InvalidFHIR("The XML has a character encoding that is not known.", code="structure") from error
    return reader.root


def _refuse(what: str) -> Any:
    def handler(*_: Any) -> None:
        raise InvalidFHIR(f"{what} is not allowed in the XML of a resource.", code="structure")

    return handler


class _Reader:
    """Expat's handlers; a `div` of XHTML is kept as text, below it no elements are made."""

    parser: Any
    root: Element

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.open: list[Element] = []
        self.markup: list[str] = []
        self.begin = 0
        self.utf8 = True
        self.div_depth = 0

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        self.utf8 = encoding is None or encoding.lower() == "utf-8"

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if len(self.open) + self.div_depth > MAX_NESTING:
            raise InvalidFHIR(f"Elements may be nested at most {MAX_NESTING} deep.", code="too-long")
        if self.div_depth or space == XHTML:
            if not self.open:
                raise InvalidFHIR("The element is not a FHIR R4 resource.", code="structure")
            self._start_markup(local, attributes)
            return
        # xsi:schemaLocation and what else other namespaces say about an element is not data
        element = Element(space, local, {key: value for key, value in attributes.items() if " " not in key}, [])
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def _start_markup(self, local: str, attributes: dict[str, str]) -> None:
        if not self.div_depth:
            self.begin = self.parser.CurrentByteIndex
            self.markup = []
            attributes = {"xmlns": XHTML, **attributes}
        self.div_depth += 1
        names = {key: "xml:" + key.rpartition(" ")[2] if " " in key else key for key in attributes}
        self.markup.append(
            f"<{local}" + "".join(f" {names[key]}={quoteattr(value)}" for key, value in attributes.items()) + ">"
        )

    def end(self, name: str) -> None:
        if not self.div_depth:
            self.open.pop()
            return
        local = name.rpartition(" ")[2]
        self.div_depth -= 1
        self.markup.append(f"</{local}>")
        if not self.div_depth:
            self.open[-1].children.append(Element(XHTML, local, {}, [], self._div(local)))

    def _div(self, local: str) -> str:
        """The source itself when it stands on its own, else the same written anew without prefixes."""
        end = self.parser.CurrentByteIndex
        if end == self.begin or not self.utf8:
            return "".join(self.markup)
        close = self.data.find(b">", end) + 1
        source = self.data[self.begin : close]
        head = source[: source.find(b">")]
        if source.startswith(b"<" + local.encode()) and f'xmlns="{XHTML}"'.encode() in head:
            try:
                return source.decode()
            except UnicodeDecodeError:
                pass
        return "".join(self.markup)

    def characters(self, text: str) -> None:
        if self.div_depth:
            self.markup.append(escape(text))
        elif text.strip():
            raise InvalidFHIR("Text is not allowed between the elements of a resource.", code="structure")
