"""MSH-18 to text: HL7 table 0211 as Python codecs (http://terminology.hl7.org/CodeSystem/v2-0211)."""

from collections.abc import Mapping
from types import MappingProxyType

from kit.problems import Kind, Problem

DEFAULT = "8859/1"  # what a Swedish sender means when MSH-18 is empty

CODECS: Mapping[str, str] = MappingProxyType(
    {
        "ASCII": "ascii",
        "ISO IR6": "ascii",
        **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
        "ISO IR14": "iso2022_jp",
        "ISO IR87": "iso2022_jp",
        "ISO IR159": "iso2022_jp_1",
        "GB 18030-2000": "gb18030",
        "KS X 1001": "euc_kr",
        "CNS 11643-1992": "big5hkscs",
        "BIG-5": "big5",
        "UNICODE": "utf-8",
        "UNICODE UTF-8": "utf-8",
        # not in the table, but seen
        "UTF-8": "utf-8",
        "UTF8": "utf-8",
        "ISO-8859-1": "iso8859-1",
        "ISO8859-1": "iso8859-1",
        "8859-1": "iso8859-1",
        "ISO-8859-15": "iso8859-15",
        "WINDOWS-1252": "cp1252",
        "CP1252": "cp1252",
        "CP1250": "cp1250",
    }
)
BOM = b"\xef\xbb\xbf"


class UnknownCharacterSet(Problem):
    """MSH-18 names a character set that table 0211 does not have, or that cannot stand in an MLLP frame."""

    kind = Kind.INVALID
    code = "exchange/unknown-character-set"
    title = "The message names a character set that is not known here"


class WrongCharacterSet(Problem):
    """The bytes are not text in the character set that MSH-18 names."""

    kind = Kind.INVALID
    code = "exchange/wrong-character-set"
    title = "The message is not text in the character set it names"


def codec_of(declared: str, *, default: str = DEFAULT) -> str:
    """The Python codec of MSH-18 (its first repetition that says anything). Raises UnknownCharacterSet."""
    name = next((part.strip() for part in declared.split("~") if part.strip()), default)
    codec = CODECS.get(name.upper())
    if codec is None:
        raise UnknownCharacterSet(f"MSH-18 is not in HL7 table 0211: {name[:40]}", at="MSH-18")
    return codec


def decode(raw: bytes, declared: str, *, default: str = DEFAULT) -> tuple[str, str]:
    """Text and codec of a message; a UTF-8 byte order mark decides where MSH-18 is silent, and is removed.

    Raises UnknownCharacterSet or WrongCharacterSet.
    """
    if raw.startswith(BOM):
        raw, default = raw[3:], "UNICODE UTF-8"
    codec = codec_of(declared, default=default)
    try:
        return raw.decode(codec), codec
    except UnicodeDecodeError as error:
        raise WrongCharacterSet(f"Byte {error.start} is not {codec}", at="MSH-18") from None
