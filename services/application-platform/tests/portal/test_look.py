"""The look keeps its promises: contrast of every pair, no colour outside the tokens, no inline style or script."""

import re
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

_PORTAL = files("application_platform.portal")
_CSS = _PORTAL.joinpath("static/tokens.css").read_text(encoding="utf-8")
_TOKEN = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9A-F]{6}), (#[0-9A-F]{6})\)")

Palette = dict[str, str]


def palettes() -> dict[str, Palette]:
    staff_part, patient_part = _CSS.split(':root[data-portal="patient"] {', 1)
    found: dict[str, Palette] = {}
    for side, scheme in enumerate(("light", "dark")):
        staff = {match[0]: match[1 + side] for match in _TOKEN.findall(staff_part)}
        patient = {match[0]: match[1 + side] for match in _TOKEN.findall(patient_part)}
        found |= {f"staff-{scheme}": staff, f"patient-{scheme}": staff | patient}
    return found


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 relative luminance contrast."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


_GROUNDS = ("ground", "surface", "sunken", "raised", "hover", "selected")
_TEXT = [
    *product(("ink", "ink-2", "ink-3", "accent"), _GROUNDS),
    *product(("red", "amber", "green", "plum", "slate"), ("surface", "raised", "sunken", "ground")),
    ("red", "red-soft"),
    ("amber", "amber-soft"),
    ("amber", "selected"),
    ("green", "green-soft"),
    ("plum", "plum-soft"),
    ("slate", "slate-soft"),
    ("slate", "hatch"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-red", "red-solid"),
    ("on-plum", "plum-solid"),
    ("surface", "ink"),
    ("ink", "red-soft"),
    ("ink", "amber-soft"),
    ("ink", "plum-soft"),
    ("ink", "green-soft"),
    ("accent", "selected"),
]
_MARKS = [*product(("control", "amber-mark", "slate-line"), ("surface", "ground", "raised")), ("focus", "focus-gap")]


@pytest.mark.parametrize("palette", palettes())
def test_every_text_pair_has_contrast_4_5_and_every_mark_3(palette: str) -> None:
    colours = palettes()[palette]
    weak = [(pair, round(contrast(colours[pair[0]], colours[pair[1]]), 2)) for pair in _TEXT]
    weak = [found for found in weak if found[1] < 4.5]
    marks = [(pair, round(contrast(colours[pair[0]], colours[pair[1]]), 2)) for pair in _MARKS]
    assert weak + [found for found in marks if found[1] < 3] == []


def test_no_colour_stands_outside_the_tokens() -> None:
    for sheet in _PORTAL.joinpath("static").iterdir():
        if sheet.name.endswith(".css") and sheet.name != "tokens.css":
            assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", sheet.read_text(encoding="utf-8")), (
                sheet.name
            )


def test_no_template_has_inline_style_script_or_handlers() -> None:
    for template in Path(str(_PORTAL)).joinpath("templates").rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        found = re.findall(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\bsrc=)|javascript:", text)
        assert found == [], template.name


def test_every_icon_that_is_used_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'id="([^"]+)"', _PORTAL.joinpath("static/icons.svg").read_text(encoding="utf-8")))
    texts = [part.read_text(encoding="utf-8") for part in Path(str(_PORTAL)).joinpath("templates").rglob("*.html")]
    used = {name for text in texts for name in re.findall(r'icon\("([a-z0-9-]+)"', text)}
    assert used <= sprite
    assert {"flask-conical", "scan-line", "pill", "syringe", "activity", "bed", "heart-pulse"} <= sprite
