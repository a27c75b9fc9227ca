"""The rooms of the patient's house, as the page "Mer" lists them, and the pages that stand in them."""

from dataclasses import dataclass

from application_platform.portal.mine import journal, privacy


@dataclass(frozen=True, slots=True)
class Room:
    """A row of "Mer": the address below the patient's pages, what it is called, and what one does there."""

    path: str
    name: str
    line: str
    icon: str


ROUTERS = (journal.router, privacy.router, privacy.moved)
