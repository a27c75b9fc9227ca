"""Long answers as one JSON value a line, sent while they are made: for operators' commands between services of ours."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

_encode = msgspec.json.Encoder().encode


def lines(values: AsyncIterator[Any]) -> StreamingResponse:
    """An answer that ends early was cut off: the last line is `null` when it is whole."""

    async def encoded() -> AsyncIterator[bytes]:
        async for value in values:
            yield _encode(value) + b"\n"
        yield b"null\n"

    return StreamingResponse(encoded(), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})
