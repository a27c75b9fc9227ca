"""A message's content as text for an operator who has said why: record events unpacked, everything else as it is; pure."""

import base64

import msgspec
import zstandard

_ZSTD = b"\x01"  # the format byte of record events
_LARGEST = 64 * 1024 * 1024
_SHOWN = 200_000  # characters


def readable(packed: str) -> str:
    """The text of base64 bytes; JSON is set out, carriage returns of HL7 v2 become line breaks."""
    body = base64.b64decode(packed)
    if body[:1] == _ZSTD:
        try:
            body = zstandard.ZstdDecompressor().decompress(body[1:], max_output_size=_LARGEST)
        except zstandard.ZstdError:
            return f"({len(body)} byte som inte går att öppna)"
    try:
        text = msgspec.json.format(body, indent=1).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n… ({len(text) - _SHOWN} tecken till)"
