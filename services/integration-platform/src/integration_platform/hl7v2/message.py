"""An HL7 v2 message, split only where one looks: segments at once, fields and components on demand."""

from collections import Counter
from collections.abc import Iterator, Sequence

from integration_platform.hl7v2 import charset, header
from integration_platform.hl7v2.escapes import Delimiters, unescape
from integration_platform.hl7v2.header import Header

_CONTROLS = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}  # FHIR strings have none
NULL = '""'  # "delete what you have": a value that says there is none


class Field:
    """One repetition of a field. Components and subcomponents count from 1, as in HL7's chapters."""

    __slots__ = ("_components", "_message", "raw")

    def __init__(self, raw: str, message: "Message") -> None:
        self.raw = raw
        self._message = message
        self._components: list[str] | None = None

    def text(self, component: int = 1, sub: int = 1) -> str:
        """The value as plain text, "" when absent or null; surrounding blanks are not part of it."""
        value = self._value(component, sub)
        return self._plain(value) if value else ""

    def whole(self) -> str:
        """The field as one text, delimiters and all, unescaped."""
        return self._plain(self.raw)

    def has(self, component: int) -> bool:
        return bool(self._value(component, 1)) and self._value(component, 1) != NULL

    @property
    def is_null(self) -> bool:
        return self.raw == NULL

    def __len__(self) -> int:
        return len(self._split())

    def _plain(self, value: str) -> str:
        if value == NULL:
            return ""
        message = self._message
        if message.delimiters.escape in value:
            value = unescape(value, message.delimiters, message.codec)
        text = value.strip()
        return text if text.isprintable() else text.translate(_CONTROLS)

    def _value(self, component: int, sub: int) -> str:
        components = self._components or self._split()
        if component > len(components):
            return ""
        value = components[component - 1]
        separator = self._message.delimiters.subcomponent
        if separator not in value or not separator:
            return value if sub == 1 else ""
        parts = value.split(separator)
        return parts[sub - 1] if sub <= len(parts) else ""

    def _split(self) -> list[str]:
        if self._components is None:
            self._components = self.raw.split(self._message.delimiters.component)
        return self._components


class Segment:
    """One segment; field numbers are HL7's, also in MSH."""

    __slots__ = ("_fields", "_message", "_raw", "_read", "name")

    def __init__(self, raw: str, message: "Message") -> None:
        self.name = raw[:3]
        self._raw = raw
        self._message = message
        self._fields: list[str] | None = None
        self._read: dict[int, list[Field]] = {}

    @property
    def fields(self) -> Sequence[str]:
        """All fields as they stand, by HL7's numbers: for whoever first looks what there is."""
        return self._fields or self._split()

    def raw(self, number: int) -> str:
        """The field as it stands, repetitions and all."""
        fields = self._fields or self._split()
        return fields[number] if number < len(fields) else ""

    def repetitions(self, number: int) -> Sequence[Field]:
        """The repetitions that say something; an explicit null is none."""
        fields = self._fields or self._split()
        if number >= len(fields) or not fields[number]:
            return ()
        found = self._read.get(number)
        if found is None:
            found = self._read[number] = self._repetitions(fields[number])
        return found

    def _split(self) -> list[str]:
        separator = self._message.delimiters.field
        self._fields = self._raw.split(separator)
        if self.name == "MSH":
            self._fields.insert(1, separator)
        return self._fields

    def _repetitions(self, raw: str) -> list[Field]:
        if raw == NULL:
            return []
        separator = self._message.delimiters.repetition
        if not separator or separator not in raw:
            return [Field(raw, self._message)]
        return [Field(part, self._message) for part in raw.split(separator) if part and part != NULL]

    def first(self, number: int) -> Field | None:
        found = self.repetitions(number)
        return found[0] if found else None

    def text(self, number: int, component: int = 1, sub: int = 1) -> str:
        """A value of the first repetition as plain text, "" when absent."""
        found = self.repetitions(number)
        return found[0].text(component, sub) if found else ""


class Message:
    """A decoded message. `default_charset` is the sender's, used where MSH-18 is silent.

    Raises NotHL7, UnknownCharacterSet or WrongCharacterSet.
    """

    __slots__ = ("codec", "delimiters", "header", "segments")

    def __init__(self, raw: bytes, *, default_charset: str = charset.DEFAULT) -> None:
        self.header: Header = header.read(raw)
        declared = self.header.text(18)
        text, self.codec = charset.decode(raw, declared, default=default_charset)
        self.delimiters = _delimiters(self.header)
        lines = text.replace("\r\n", "\r").replace("\n", "\r").split("\r")
        self.segments: Sequence[Segment] = [Segment(line.lstrip(), self) for line in lines if line.strip()]

    @classmethod
    def glimpse(cls, raw: bytes, found: Header, names: Sequence[bytes]) -> "Message":
        """The segments of these names alone, as ISO 8859-1 whatever MSH-18 says: for codes and numbers, never a person's text."""
        self = cls.__new__(cls)
        self.header, self.codec, self.delimiters = found, "latin-1", _delimiters(found)
        self.segments = [Segment(line.decode("latin-1"), self) for name in names for line in _lines(raw, name)]
        return self

    def first(self, name: str) -> Segment | None:
        return next((segment for segment in self.segments if segment.name == name), None)

    def all(self, name: str) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name == name)

    def counts(self) -> Counter[str]:
        """How many of each segment there are."""
        return Counter(segment.name for segment in self.segments)


def _lines(raw: bytes, name: bytes) -> Iterator[bytes]:
    """The lines that begin with this name."""
    for before in (b"\r", b"\n"):
        at = raw.find(before + name)
        while at >= 0:
            ends = (raw.find(end, at + 1) for end in (b"\r", b"\n"))
            yield raw[at + 1 : min((end for end in ends if end >= 0), default=len(raw))]
            at = raw.find(before + name, at + 1)


def _delimiters(found: Header) -> Delimiters:
    encoding = found.raw(2).decode("latin-1")
    return Delimiters(found.raw(1).decode("latin-1"), *(encoding[at : at + 1] for at in range(4)))
