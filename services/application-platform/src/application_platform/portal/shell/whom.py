"""Whom work is handed to: a colleague of the reader's unit, or the unit itself, as VIS names them."""

from typing import Any

from fastapi import Request

from application_platform.portal.care import NotTaken
from application_platform.portal.reader import Portal, Reader


async def whom(request: Request, portal: Portal, reader: Reader, who: str, otherwise: str) -> dict[str, Any]:
    """The reference of an HSA-id, or of "unit". Raises NotTaken with the words `otherwise` for anybody else."""
    held = reader.commission
    if who == "unit" and held is not None:
        return {"reference": f"Organization/{held.unit}", "display": held.unit_name}
    known = {one.id: one for one in await portal.colleagues(request, held.unit if held else "")}
    if who not in known:
        raise NotTaken(otherwise)
    return dict(known[who].reference)
