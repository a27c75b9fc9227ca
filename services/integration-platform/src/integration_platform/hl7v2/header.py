"""The MSH segment read from raw bytes, before the character set is known: all that an acknowledgement needs."""

from dataclasses import dataclass

from integration_platform.hl7v2.charset import BOM
from kit.problems import Kind, Problem


class NotHL7(Problem):
    """The bytes do not begin with an MSH segment."""

    kind = Kind.INVALID
    code = "exchange/not-hl7"
    title = "The message does not begin with an MSH segment"


@dataclass(frozen=True, slots=True)
class Header:
    """Raw fields of MSH, counted as HL7 counts them: [1] is the field separator, [2] the encoding characters."""

    fields: tuple[bytes, ...]

    def raw(self, number: int) -> bytes:
        """The field as it stands, b"" when it is absent."""
        return self.fields[number] if number < len(self.fields) else b""

    def text(self, number: int) -> str:
        """The field as ISO 8859-1: for codes and names that are compared, never shown as a person's text."""
        return self.raw(number).decode("latin-1").strip()

    def component(self, number: int, nth: int) -> str:
        """One component of a field, counted from 1."""
        parts = self.raw(number).split(self.raw(2)[:1] or b"^")
        return parts[nth - 1].decode("latin-1").strip() if nth <= len(parts) else ""

    @property
    def kind(self) -> str:
        """Message code and trigger event, `ADT^A01`; the event is taken from MSH-9.3 when 9.2 is empty."""
        code, event = self.component(9, 1), self.component(9, 2)
        return f"{code}^{event or self.component(9, 3).partition('_')[2]}"

    @property
    def application(self) -> str:
        return self.component(3, 1)

    @property
    def facility(self) -> str:
        return self.component(4, 1)

    @property
    def control_id(self) -> str:
        return self.text(10)


def read(raw: bytes) -> Header:
    """Reads MSH. Raises NotHL7 when the message begins with anything else, or MSH cannot be split."""
    msh = line(raw)
    if msh[:3] != b"MSH":
        raise NotHL7(at="MSH")
    separator = msh[3:4]
    if not separator or separator.isalnum() or separator.isspace():
        raise NotHL7("MSH-1 is not a field separator", at="MSH-1")
    fields = msh.split(separator)
    return Header((fields[0], separator, *fields[1:]))


def line(raw: bytes) -> bytes:
    """The first segment: to the first carriage return, or line feed where there is none before it."""
    start = 3 if raw.startswith(BOM) else 0
    while raw[start : start + 1] in (b"\r", b"\n", b" "):
        start += 1
    end = raw.find(b"\r", start)
    first = raw[start:] if end < 0 else raw[start:end]
    return first.split(b"\n", 1)[0]
