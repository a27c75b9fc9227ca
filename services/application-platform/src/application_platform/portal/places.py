"""What units and care providers are called on a page."""

from fastapi import Request

from application_platform.identity.places import names


async def names_of(request: Request) -> dict[str, str]:
    """HSA-id → name, of the units and care providers that are known here."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return {}
    async with db.engine.connect() as connection:
        return await names(connection)
