"""A manager sees what waits and answers it; nobody else has the page (LOG-16, EMG-02, EMG-04)."""

from typing import Any

import pytest
from aiohttp import ClientSession

TASK = {
    "id": 7, "act": "a", "kind": "review", "patient": "p-1", "unit": "SE-U", "due": "2026-11-29T10:00:00Z",
    "made_at": "2026-11-26T10:00:00Z",
}  # fmt: skip
PATTERN = {
    "id": 9,
    "pattern": "mass",
    "actor": "SE-1",
    "unit": "SE-U",
    "count": 140,
    "day": "2026-11-26",
    "patient": "",
}


async def sent(session: ClientSession, door: str, **fields: str) -> Any:
    headers = {"Origin": "http://127.0.0.1"}
    return await session.post(
        f"/portal/review/{door}", data={"csrf": "proof", **fields}, headers=headers, allow_redirects=False
    )


async def test_what_waits_is_listed_in_words(manager: ClientSession, platform: Any) -> None:
    platform.tasks, platform.reviews = [TASK, {**TASK, "id": 8, "kind": "lift-request"}], [PATTERN]
    shown = await (await manager.get("/portal/review")).text()
    for words in (
        "Nödöppning att granska", "Begäran om att häva en spärr", "Häv spärren", "Ovanligt många patienter på en dag",
        "140 gånger", "2026-11-26 11:00", 'aria-current="page"',
    ):  # fmt: skip
        assert words in shown, words


async def test_nothing_to_do_is_said(manager: ClientSession) -> None:
    shown = await (await manager.get("/portal/review")).text()
    assert ("Inget väntar" in shown, "Inga mönster att granska" in shown) == (True, True)


@pytest.mark.parametrize(
    ("door", "outcome", "address", "body"),
    [
        ("tasks/7", "done", "access/tasks/7/answer", {"outcome": "done", "note": "Befogat"}),
        ("patterns/9", "not-justified", "log/reviews/9", {"justified": False, "note": "Befogat"}),
    ],
)
async def test_an_answer_is_sent_on(
    manager: ClientSession, platform: Any, door: str, outcome: str, address: str, body: dict[str, Any]
) -> None:
    answer = await sent(manager, door, outcome=outcome, note=" Befogat ")
    assert (answer.status, platform.acts) == (303, [(address, body)])


async def test_a_refused_answer_is_told(manager: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/not-yours"
    platform.tasks = [TASK]
    answer = await sent(manager, "tasks/7", outcome="done", note="Patienten var medvetslös")
    shown = await answer.text()
    assert (answer.status, "kunde inte registreras" in shown) == (422, True)
    assert "Patienten var medvetslös</textarea>" in shown


async def test_only_managers_have_the_page(staff: ClientSession, tolvan: ClientSession, platform: Any) -> None:
    for session in (staff, tolvan):
        assert (await session.get("/portal/review")).status == 404
        assert (await sent(session, "tasks/7", outcome="done", note="x")).status == 404
    assert "Granskning" not in await (await staff.get("/portal/")).text()
    assert platform.acts == []
