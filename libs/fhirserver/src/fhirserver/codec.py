"""Stored bytes: a format byte, then zstd with a versioned dictionary (D8). Format 1 = zstd; 2 is kept for encryption."""

from functools import cache
from importlib import resources

import zstandard

ZSTD = 1
_LEVEL = 3
CURRENT_DICTIONARY = 1


class UnknownFormat(Exception):
    """A stored body whose format byte this version of the software does not know."""


@cache
def _dictionaries() -> dict[int, zstandard.ZstdCompressionDict]:
    """Every dictionary ever released, by its id; one is never dropped, since rows were written with it."""
    found = {}
    for file in resources.files("fhirserver").joinpath("dictionaries").iterdir():
        if file.name.endswith(".zdict"):
            dictionary = zstandard.ZstdCompressionDict(file.read_bytes())
            found[int(file.name.split(".")[0])] = dictionary
    return found


class Codec:
    """Packs and unpacks stored bodies; one per process, not shared between threads."""

    def __init__(self) -> None:
        dictionaries = _dictionaries()
        current = dictionaries[CURRENT_DICTIONARY]
        self._compress = zstandard.ZstdCompressor(level=_LEVEL, dict_data=current, write_content_size=True).compress
        self._readers = {
            dictionary.dict_id(): zstandard.ZstdDecompressor(dict_data=dictionary).decompress
            for dictionary in dictionaries.values()
        }
        self._current = self._readers[current.dict_id()]
        self._current_id = current.dict_id()
        self._plain = zstandard.ZstdDecompressor().decompress
        self._prefix = bytes([ZSTD])

    def pack(self, body: bytes) -> bytes:
        return self._prefix + self._compress(body)

    def unpack(self, stored: bytes) -> bytes:
        """The body as it was given to `pack`. Raises UnknownFormat when the format byte is not known here."""
        if stored[0] != ZSTD:
            raise UnknownFormat(f"Format {stored[0]} is not known to this version")
        frame = stored[1:]
        try:
            return self._current(frame)
        except zstandard.ZstdError:
            dict_id = zstandard.get_frame_parameters(frame).dict_id
            return (self._readers[dict_id] if dict_id else self._plain)(frame)
