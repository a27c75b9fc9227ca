"""REC-07, REC-08: the patient's opinion, and that an entry was moved, are read beside the entry; script in them is text."""

from typing import Any

from aiohttp import ClientSession

from application_platform.portal.look.remarks import remarks

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"


def marked(url: str, **values: Any) -> dict[str, Any]:
    kinds = {"at": "valueDateTime", "reason": "valueString", "text": "valueString", "entry": "valueReference"}
    return {"url": url, "extension": [{"url": name, kinds[name]: value} for name, value in values.items()]}


OPINION = marked("urn:fvm:patients-opinion", at="2026-11-26T10:00:00+00:00", text="Jag har <b>aldrig</b> haft det")


def test_rec_07_an_opinion_is_quoted_and_what_is_none_is_nothing() -> None:
    assert remarks({"extension": [OPINION, {"url": "urn:other", "valueString": "x"}]}) == (
        "Patientens synpunkt 2026-11-26: ”Jag har <b>aldrig</b> haft det”",
    )
    assert remarks({}) == remarks({"extension": ["odd", {"url": "urn:fvm:x"}]}) == ()  # what others wrote oddly


def test_rec_08_a_moved_entry_says_so_on_both_sides_and_names_nobody() -> None:
    away = marked("urn:fvm:moved-to", at="2026-11-26", reason="Fel patient vald", entry={"reference": "Condition/1"})
    here = marked("urn:fvm:moved-from", at="2026-11-26", reason="Fel patient vald", entry={"reference": "Condition/2"})
    assert remarks({"extension": [away]}) == ("Gällde en annan patient och flyttades dit 2026-11-26. Fel patient vald",)
    assert remarks({"extension": [here]}) == (
        "Flyttades hit från en annan patients journal 2026-11-26. Fel patient vald",
    )


async def test_rec_07_the_opinion_stands_beside_the_entry_in_the_chart_as_text(
    staff: ClientSession, platform: Any
) -> None:
    platform.held["DiagnosticReport/rep-1"]["extension"] = [OPINION]
    shown = await (await staff.get(f"/portal/patients/{TOLVAN}")).text()
    assert "Patientens synpunkt 2026-11-26: ”Jag har &lt;b&gt;aldrig&lt;/b&gt; haft det”" in shown
